#!/bin/bash
# A SLURM of one machine in a temporary folder, real jobs of the commands, and everything taken down again.
# `make test-slurm`; needs root, slurm-wlm and munge (installed with apt-get where that is possible).
# KEEP=1 keeps the folder of a run that failed. CAMPAIGN=1000 makes so many small universes instead, while tasks and
# daemons are killed at random (KILLS, 20): campaign.sh. PILOTS=1 tries pilot jobs alone: pilots.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)

export PATH=$repository/.venv/bin:$PATH:/usr/sbin

cannot() {
    echo "test-slurm: $1; it needs root and the Debian packages slurm-wlm and munge" >&2
    exit 2
}

[ "$(id -u)" = 0 ] || cannot "not root"
if ! { command -v slurmctld && command -v slurmd && command -v sbatch && command -v munged; } >/dev/null; then
    command -v apt-get >/dev/null || cannot "no SLURM and no apt-get"
    { apt-get update && apt-get install --yes --no-install-recommends slurm-wlm munge; } >/dev/null 2>&1 ||
        cannot "apt-get could not install slurm-wlm and munge"
fi

folder=$(mktemp -d -t lss-slurm-XXXXXX)
chmod 755 "$folder"
export SLURM_CONF=$folder/slurm.conf

take_down() {
    local status=$? pid file
    trap '' INT TERM
    scancel --full --signal=KILL --user=root 2>/dev/null || true
    scontrol shutdown 2>/dev/null || true
    for file in slurmd.pid slurmctld.pid munge/pid; do
        [ -s "$folder/$file" ] || continue
        pid=$(cat "$folder/$file")
        for _ in $(seq 50); do
            [ "$file" != munge/pid ] && kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill "$pid" 2>/dev/null || true
    done
    if [ "$status" != 0 ] && [ -n "${KEEP:-}" ]; then
        echo "kept: $folder" >&2
    else
        rm -rf "$folder"
    fi
    exit "$status"
}
trap take_down EXIT
trap 'exit 130' INT TERM

bring_up() {
    local port=$((20000 + $$ % 20000))
    mkdir "$folder"/{munge,state,spool,log,work}
    chmod 711 "$folder/munge"
    (umask 077 && head -c 1024 /dev/urandom >"$folder/munge/key")
    munged --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munge/pid" \
        --seed-file="$folder/munge/seed" --log-file="$folder/munge/log"
    sed -e "s|FOLDER|$folder|; s|CONTROLLER_PORT|$port|; s|NODE_PORT|$((port + 1))|" "$here/slurm.conf" >"$SLURM_CONF"
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF" -N localhost
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && return
        sleep 0.1
    done
    cat "$folder"/log/*.log >&2
    echo "test-slurm: SLURM did not start" >&2
    exit 1
}

bring_up
cp -r "$repository"/examples/cluster/* "$here"/{small.toml,external.sh} "$folder/work"
cd "$folder/work"
unset "${!SLURM_JOB@}" "${!SLURM_ARRAY@}" SLURM_CPUS_PER_TASK
. "$here/jobs.sh"
if [ -n "${CAMPAIGN:-}" ]; then
    . "$here/campaign.sh"
else
    [ -n "${PILOTS:-}" ] || . "$here/checks.sh"
    if python -c 'import parsl' 2>/dev/null; then
        . "$here/pilots.sh"
    else
        echo "skip  pilot jobs: Parsl is not installed (the extra parsl)"
    fi
fi
summary
