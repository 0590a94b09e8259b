# What must hold of jobs. Sourced by run.sh in a folder that holds a copy of examples/cluster and of this folder.
# Jobs are submitted together and looked at when they have ended, so that they overlap.

# Simulations of several seconds, which write an output early on and so say that they are under way.
sed 's/^steps = .*/steps = 4000/' small.toml >long.toml
under_way() { [ -e "$1.state/output-15.h5" ]; }

# The chain of the examples.
read -r ensemble simulation network observed reconstruction <<<"$(CONFIG=small.toml make --silent MEMBERS=4)"

# A reconstruction through an external program that has to stop long before its time limit, and the same without waiting.
sed 's/^max_simulations = .*/max_simulations = 3/' small.toml >external.toml
printf '[recon.forward]\ncommand = ["./external.sh", "{input}", "{output}"]\n' >>external.toml
export CONFIG=external.toml NETWORK=estimator-64-pm
overrun=$(PAUSE=30 RECONSTRUCTION=overrun.h5 submit --dependency=afterok:"$observed" --cpus-per-task=1 \
    --time=3 --signal=B:TERM@75 reconstruct.sbatch)
prompt=$(RECONSTRUCTION=prompt.h5 submit --dependency=afterok:"$observed" --cpus-per-task=2 reconstruct.sbatch)

# The same simulation left alone, stopped by a signal, cancelled and submitted again.
export CONFIG=long.toml
lss-ic long.toml --quiet -o alone-initial.h5
cp alone-initial.h5 stopped-initial.h5
cp alone-initial.h5 cancelled-initial.h5
alone=$(SIMULATION=alone.h5 submit --cpus-per-task=1 simulate.sbatch)
stopped=$(SIMULATION=stopped.h5 submit --cpus-per-task=1 simulate.sbatch)
cancelled=$(SIMULATION=cancelled.h5 submit --cpus-per-task=2 simulate.sbatch)
wait_until under_way stopped.h5
scancel --batch --signal=TERM "$stopped"
wait_until under_way cancelled.h5
scancel "$cancelled"
settle "$cancelled"
check "scancel leaves no output" absent cancelled.h5
check "scancel leaves the state" present cancelled.h5.state/state.h5
again=$(SIMULATION=cancelled.h5 submit --cpus-per-task=2 simulate.sbatch)

# Members of an ensemble, three a task, stopped in the middle of one.
member=$(ENSEMBLE=members MEMBERS_PER_TASK=3 submit --array=3 ensemble.sbatch)
wait_until grep -qs '^lss-ic: sigma8' "logs/lss-ensemble-${member}_3.log"
wait_until handles_sigterm "$member"
scancel --batch --signal=TERM "${member}_3"

# Errors of use.
nothing=$(submit --output=logs/nothing.log --wrap 'exec lss-sim -o nothing.h5')
missing=$(ENSEMBLE=missing submit train.sbatch)
never=$(submit --kill-on-invalid-dep=yes --dependency=afterok:"$missing" --output=logs/never.log --wrap 'touch never')

settle "$nothing" "$missing" "$never"
check "without an input a command says so instead of waiting for the null device" says nothing 'no input: name a universe'
check "and exits with 2" is "$(about "$nothing" ExitCode)" 2:0
check "a wrong path exits with 2" is "$(about "$missing" ExitCode)" 2:0
check "what depends on a failed job is cancelled" is "$(about "$never" JobState)" CANCELLED

settle "$ensemble" "$simulation" "$network" "$observed" "$reconstruction"
check "the chain ends with a reconstruction" present reconstruction.h5
check "in order" is "$(about "$reconstruction" JobState)" COMPLETED
check "tasks of an array write the universes of their numbers" \
    is "$(cd ensemble && echo *)" "000000.h5 000001.h5 000002.h5 000003.h5"
check "each from its own noise" is "$(for i in 0 1 2 3; do digest ensemble/00000$i.h5; done | sort -u | wc -l)" 4
check "each on the cores that it was given" is "$(attribute ensemble/000002.h5 provenance/01-lss-sim threads)" 1
lss-ic small.toml --index 2 --quiet | lss-sim --quiet | lss-halo --quiet --drop PartType1 -o outside.h5
check "to the bits of a run outside of SLURM" is "$(digest ensemble/000002.h5)" "$(digest outside.h5)"

settle "$alone" "$stopped" "$again" "$member"
check "a simulation stopped by a signal is queued again" is "$(about "$stopped" Restarts)" 1
check "goes on where it was" says "lss-simulate-$stopped" 'going on at z ='
check "and ends with the bits of one left alone" is "$(digest stopped.h5)" "$(digest alone.h5)"
check "a cancelled one, submitted again, goes on" says "lss-simulate-$again" 'going on at z ='
check "and ends with the same bits, on two cores" is "$(digest cancelled.h5)" "$(digest alone.h5)"
check "nothing of the state is left" absent stopped.h5.state cancelled.h5.state
check "a task stopped by a signal is queued again" is "$(about "${member}_3" Restarts)" 1
check "and makes its universes" is "$(cd members && echo *)" "000009.h5 000010.h5 000011.h5"

settle "$overrun" "$prompt"
check "a reconstruction is stopped before its time limit and queued again" test "$(about "$overrun" Restarts)" -ge 1
check "is done in the end" is "$(about "$overrun" JobState)" COMPLETED
check "has ended the program that it had started without an error" not says "lss-reconstruct-$overrun" 'exit code'
check "and ends with the bits of one that had time" is "$(digest overrun.h5)" "$(digest prompt.h5)"
