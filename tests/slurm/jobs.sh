# Jobs as the checks need them: submitted, watched, stopped in the middle, compared. Sourced by run.sh.
passed=0
failed=0
LIMIT=600 # seconds until a job that does not end is a failure

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name: $*"
    fi
}

summary() {
    if [ "$failed" != 0 ]; then
        tail -n 20 logs/* >&2
    fi
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

is() { [ "$1" = "$2" ]; }

not() { ! "$@"; }

present() { [ -e "$1" ]; }

absent() { # FILE...
    local file
    for file in "$@"; do
        [ ! -e "$file" ] || return 1
    done
}

says() { grep -q "$2" "logs/$1.log"; } # NAME OF LOG, PATTERN

submit() { sbatch --parsable "$@"; }

# One attribute of a job, of each task of an array a line: JobState, ExitCode, Restarts, ...
about() { # JOB ATTRIBUTE
    scontrol --oneliner show job "$1" | grep -o " $2=[^ ]*" | cut -d= -f2
}

wait_until() { # COMMAND...
    local end=$((SECONDS + LIMIT))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# Wait for jobs to end. Whatever was queued again meanwhile would wait two minutes first.
settle() { # JOB...
    local job jobs end=$((SECONDS + LIMIT))
    jobs=$(IFS=, && echo "$*")
    while [ -n "$(squeue --noheader --jobs="$jobs" 2>/dev/null)" ]; do
        [ "$SECONDS" -lt "$end" ] || return 1
        for job in $(squeue --noheader --states=PENDING --format='%A %r' | sed -n 's/ BeginTime//p'); do
            scontrol update JobId="$job" StartTime=now
        done
        sleep 0.5
    done
}

# Whether every command of a job is under way far enough to handle SIGTERM (bit 14 of the caught signals).
handles_sigterm() { # JOB
    local process caught found=1
    for process in $(grep -lsz "^SLURM_JOB_ID=$1$" /proc/[0-9]*/environ); do
        process=${process%/environ}
        tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q /lss- || continue
        caught=$(sed -n 's/^SigCgt:\s*//p' "$process/status" 2>/dev/null) || continue
        [ $((0x${caught:-0} & 0x4000)) != 0 ] || return 1
        found=0
    done
    return $found
}

digest() { lss-stats "$1" --digest; }

digests() { # FOLDER: one of all its universes
    python - "$1" <<'END'
import hashlib, sys
from pathlib import Path
from lss.files.digest import digest
from lss.files.universe_file import read_universe
each = [path.name + digest(read_universe(path)) for path in sorted(Path(sys.argv[1]).glob("[0-9]*.h5"))]
print(len(each), hashlib.sha256("".join(each).encode()).hexdigest())
END
}

attribute() { # FILE GROUP NAME
    python -c 'import h5py, sys; print(h5py.File(sys.argv[1])[sys.argv[2]].attrs[sys.argv[3]])' "$@"
}
