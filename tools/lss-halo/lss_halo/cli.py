"""lss-halo: the command line."""

from lss.command.console import command

main = command(
    "halo",
    run="lss_halo.stage:run",
    help="Find halos in particles, or read another code's catalogue, and make halo fields.",
    examples=[
        "lss-ic universe.toml | lss-sim | lss-halo > universe.h5",
        "lss-halo universe.h5 --set halo.mass_definition=fof -o halos.h5",
        "lss-halo universe.toml ahf.z0.000.AHF_halos -o observed.h5",
    ],
)
