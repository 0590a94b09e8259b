"""The command line of lss-stats."""

from pathlib import Path

from lss.command.console import command
from lss.command.definition import Option
from lss_stats.measures import STATISTICS

main = command(
    "stats",
    run="lss_stats.stage:report",
    help="Statistics of a universe: spectra, bispectra, mass functions; alone, against a truth, or of an ensemble.",
    examples=[
        "lss-stats --list universe.h5                   # what the file holds",
        "lss-ic u.toml | lss-sim | lss-halo | lss-stats --plot all.png > u.h5",
        "lss-stats reconstruction.h5 --truth truth.h5 --report report.html",
        "lss-stats rec.h5 --truth truth.h5 --ensemble random/ --figures f/ --set stats.measure='[\"all\"]'",
        "lss-stats delfi.h5 --posteriors abc.h5 --truth observed.h5 --figures figures/",
        "lss-stats --check ensemble/ network.safetensors  # is every file whole?",
        "lss-stats reconstructions/ --truth truths/ --figures figures/ --tables tables/",
    ],
    writes="report",
    options=[
        Option(
            "--truth",
            Path | None,
            "Compare with this universe, or with the member of the same name in a directory.",
            must_exist=True,
        ),
        Option(
            "--ensemble",
            Path | None,
            "Show the mean and scatter of the universes in this directory.",
            must_exist=True,
        ),
        Option(
            "--posteriors",
            Path | None,
            "Draw the posterior of this universe, or those of a directory, over the input's.",
            must_exist=True,
        ),
        Option("--label", str | None, "What figures call the universe, and after a comma the truth: LULO,Gadget-4."),
        Option("--plot", Path | None, "One figure that shows everything together (.png, .pdf).", writes="figure"),
        Option("--figures", Path | None, "Every figure, as PNG and PDF, into this folder.", writes="figure"),
        Option("--tables", Path | None, "Tables: one HDF5 file (.h5), or CSV files into this folder.", writes="tables"),
        Option("--report", Path | None, "A report in one HTML file.", writes="report"),
        Option("--list", bool, "Print what a universe or a directory holds, and measure nothing.", False),
        Option("--json", bool, "Print what is listed or measured as JSON.", False),
        Option("--digest", bool, "Print one hash of all data outside /provenance.", False),
        Option(
            "--check",
            bool,
            "Say of each file, and each in a directory, whether it is whole; exit 1 if one is not.",
            False,
        ),
        Option("--keep-going", bool, "Leave out members of an ensemble that cannot be used, and count them.", False),
    ],
    choices={"stats.measure": STATISTICS},
)
