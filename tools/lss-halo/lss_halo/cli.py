"""lss-halo: the command line."""

from pathlib import Path

from lss.command.console import command
from lss.command.definition import Option

main = command(
    "halo",
    run="lss_halo.stage:run",
    help="Find halos in particles, or read another code's catalogue, and make halo fields.",
    examples=[
        "lss-ic universe.toml | lss-sim | lss-halo > universe.h5",
        "lss-halo universe.h5 --set halo.mass_definition=fof -o halos.h5",
        "lss-halo universe.toml ahf.z0.000.AHF_halos -o observed.h5",
        "lss-halo snapshot_z0.hdf5 --catalogue ahf.z0.000.AHF_halos -o universe.h5   # particles and AHF's halos",
    ],
    options=[
        Option(
            "--catalogue",
            Path | None,
            "Take the halos of this catalogue of another code, not those of the particles.",
            must_exist=True,
        )
    ],
)
