"""The command line of lss-sim."""

from lss.command.console import command

main = command(
    "sim",
    run="lss_sim.stage:run",
    help="Evolve particles to the output redshifts: P3M, PM, 2LPT or 1LPT. Adds the particles to the universe.",
    examples=[
        "lss-ic universe.toml | lss-sim > evolved.h5",
        "lss-sim initial.h5 --set sim.redshifts='[1.0, 0.5, 0.0]' -o evolved.h5",
        "lss-sim initial.h5 --set sim.method=pm -o quick.h5",
        "lss-sim gadget_snapshot_z127.hdf5 -o evolved.h5 --resume",
        "lss-sim initial.h5 --dry-run",
    ],
    resumable=True,
)
