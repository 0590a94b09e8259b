# An ensemble of CAMPAIGN small universes by array tasks, while tasks, the node's daemon and the controller are killed at
# random; the array is submitted again until nothing is missing. Sourced by run.sh; the last line is JSON.
KILLS=${KILLS:-20}
export CONFIG=tiny.toml MEMBERS=$CAMPAIGN MEMBERS_PER_TASK=20 ENSEMBLE=ensemble
printf '[box]\nsize = 31.25\nn = 8\n[sim]\nmethod = "pm"\nsteps = 3\n[halo]\nmass_definition = "fof"\n' >tiny.toml
RANDOM=${CAMPAIGN_SEED:-1}
last=$(((CAMPAIGN - 1) / MEMBERS_PER_TASK))
mkdir -p logs "$ENSEMBLE"

made() { find "$ENSEMBLE" -name '[0-9]*.h5' | wc -l; }

slurmctld_again() {
    kill -KILL "$(cat "$folder/slurmctld.pid")" 2>/dev/null || true
    sleep 0.5
    slurmctld -f "$SLURM_CONF"
}

slurmd_again() {
    kill -KILL "$(cat "$folder/slurmd.pid")" 2>/dev/null || true
    sleep 0.5
    slurmd -f "$SLURM_CONF" -N localhost
}

task_gone() { # a random one of the processes that make members
    local pids
    mapfile -t pids < <(pgrep -f "lss-ic tiny.toml" || true)
    [ "${#pids[@]}" -gt 0 ] || return 1
    kill -KILL "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null
}

# Every name that gets another file than the one it had has been made twice.
python -u "$here/twice.py" "$ENSEMBLE" >twice.txt &
watcher=$!

killed=0
rounds=0
while [ "$(made)" -lt "$CAMPAIGN" ] && [ "$rounds" -lt 30 ]; do
    rounds=$((rounds + 1))
    # A task that ends while its daemon is down counts as running until its time is over. The signal comes up to a
    # minute before it is asked for, and must leave time to start.
    array=$(submit --time=4 --signal=B:TERM@30 --array=0-"$last"%4 ensemble.sbatch)
    while [ -n "$(squeue --noheader --jobs="$array" 2>/dev/null || echo unknown)" ]; do
        sleep 0.$((RANDOM % 9 + 1))
        # A task that could not be launched, for want of a daemon, is held back until somebody looks.
        scontrol release "$array" 2>/dev/null || true
        # One that was queued again would wait two minutes first.
        for task in $(squeue --noheader --array --states=PENDING --format='%i %r' 2>/dev/null | sed -n 's/ BeginTime//p'); do
            scontrol update JobId="$task" StartTime=now 2>/dev/null || true
        done
        # Spread over the campaign: so many kills, so large a part of it made.
        [ "$killed" -lt "$KILLS" ] && [ $(($(made) * (KILLS + 1))) -ge $((killed * CAMPAIGN)) ] || continue
        case $((killed % 5)) in
        0) slurmctld_again && killed=$((killed + 1)) ;;
        1) slurmd_again && killed=$((killed + 1)) ;;
        *) task_gone && killed=$((killed + 1)) || true ;;
        esac
    done
done
sleep 1
kill "$watcher"
twice=$(sort -u twice.txt | wc -l)
lost=$((CAMPAIGN - $(made)))

lss-ic tiny.toml --count "$CAMPAIGN" --through sim,halo --drop PartType1 --quiet -o plain/
check "no universe is lost" is "$lost" 0
check "none is made twice into the same output" is "$twice" 0
check "all have the bits of a run outside of SLURM" is "$(digests "$ENSEMBLE")" "$(digests plain)"
check "nothing half-made is left" is "$(find "$ENSEMBLE" -name '.*.tmp' | wc -l)" 0
check "the daemons and tasks were killed as often as asked" is "$killed" "$KILLS"
echo "{\"slurm_universes\": $CAMPAIGN, \"slurm_kills\": $killed, \"slurm_lost\": $lost, \"slurm_twice\": $twice, \"rounds\": $rounds}"
