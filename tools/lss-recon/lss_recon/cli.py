"""The command line of lss-recon."""

from pathlib import Path

from lss.command.console import command
from lss.command.definition import Option
from lss_recon.methods import METHODS

main = command(
    "recon",
    run="lss_recon.stage:run",
    help="Reconstruct the initial conditions of an observed halo catalogue, and the universe that grows from them.",
    examples=[
        "lss-recon universe.toml observed.h5 -o reconstructed.h5",
        "lss-halo universe.toml ahf.z0.000.AHF_halos | lss-recon universe.toml -o reconstructed.h5",
        "lss-recon observed.h5 -o reconstructed.h5 --resume --set recon.max_simulations=32",
        "lss-recon observed.h5 -o samples/ --index 3 --set recon.start=prior   # one of an ensemble",
        'lss-recon observed.h5 -o r.h5 --set \'recon.forward.command=["./my_sim.sh", "{input}", "{output}"]\'',
    ],
    options=[
        Option(
            "--truth",
            Path,
            "A universe to compare each simulation with: r(k) in the log and in /recon (lulo).",
            must_exist=True,
        )
    ],
    resumable=True,
    choices={"recon.method": METHODS},
)
