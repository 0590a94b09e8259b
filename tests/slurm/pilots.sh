# A campaign of pilot jobs (examples/cluster/campaign.py): it makes an ensemble; killed in the middle it leaves no process
# behind, and started again makes what is missing. Sourced by run.sh where Parsl is installed.
printf '[box]\nsize = 31.25\nn = 8\n[sim]\nmethod = "pm"\nsteps = 3\n[halo]\nmass_definition = "fof"\n' >tiny.toml
mkdir -p logs

campaign() { # MEMBERS OPTION...
    local members=$1
    shift
    exec python campaign.py --config tiny.toml --ensemble piloted --cores 2 --time 00:10:00 \
        --members "$members" --members-per-task 5 "$@" >logs/campaign-driver.log 2>&1
}

# Processes of a campaign, wherever they were started: of Parsl, or of a task.
processes() { pgrep -f "campaign.py|interchange.py|process_worker|lss-ic tiny.toml .* piloted/" || true; }

some_are_made() { [ "$(find piloted -name '[0-9]*.h5' 2>/dev/null | wc -l)" -gt "$1" ]; }

made_or_ended() { some_are_made "$2" || ! kill -0 "$1" 2>/dev/null; } # DRIVER, MEMBERS

nothing_runs() { [ -z "$(processes)" ]; }

for where in slurm local; do
    rm -rf piloted
    campaign 100000 --where "$where" &
    driver=$!
    wait_until made_or_ended "$driver" 5
    check "$where: a pilot makes universes" some_are_made 5
    kill -KILL "$driver"
    killed=$SECONDS
    wait_until nothing_runs || processes
    gone=$((SECONDS - killed))
    echo "$where: nothing of a campaign runs $gone s after it was killed"
    check "$where: no process of a killed campaign is left after 30 s" test "$gone" -le 30

    there=$(find piloted -name '[0-9]*.h5' | wc -l)
    (campaign $((there + 10)) --where "$where")
    check "$where: the same campaign, started again, makes the rest" is "$?" 0
    check "$where: each once" is "$(find piloted -name '[0-9]*.h5' | wc -l)" $((there + 10))
    lss-ic tiny.toml --count $((there + 10)) --through sim,halo --drop PartType1 --quiet -o "outside-$where/"
    check "$where: to the bits of a run without pilots" is "$(digests piloted)" "$(digests "outside-$where")"
    check "$where: no process is left in the end" wait_until nothing_runs
done
