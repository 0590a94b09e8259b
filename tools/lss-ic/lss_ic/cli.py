"""The command line of lss-ic."""

from lss.command.console import command

main = command(
    "ic",
    run="lss_ic.stage:run",
    help="Initial conditions: white noise from a seed, or the input's own, and the particles it displaces.",
    examples=[
        "lss-ic universe.toml -o ic.h5",
        "lss-ic universe.toml | lss-sim | lss-halo -o u.h5",
        "lss-ic --set ic.seed=7 --set box.n=128 --set box.size=250.0 -o ic.h5",
        "lss-ic universe.toml --set ic.partners=5 -o ensemble/ --index 12",
        "lss-ic reconstructed.h5 --set box.n=128 -o finer.h5   # its modes, with smaller scales added",
        "lss-ic universe.toml wnoise.dat -o ic.h5   # white noise of MUSIC or GRAFIC",
    ],
    reads="optional",
)
