"""Is the scatter the error? python figure_calibration.py OUTPUT.png ENSEMBLE.json...

The squared error of the samples' mean over (1 + 1/n) scatter^2 in every shell of the initial field, as
`bench.lulo --ensemble` left it in build/lulo/latest/NAME/ensemble.json.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from lss_stats.figures.style import COLUMN, CYCLE, save, styled

BAND, K_MAX = (0.7, 1.5), 0.6  # what is asked of every shell to k = 0.5; h/Mpc shown


def main(output: str, *results: str) -> None:
    """Draw the figure."""
    with styled():
        figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
        axis.axhspan(*BAND, color="0.92", lw=0)
        axis.axhline(1, color="0.4", lw=0.6)
        for path, colour in zip(results, CYCLE, strict=False):
            found = json.loads(Path(path).read_text())
            k, ratio = zip(*((k, r) for k, r in found["calibration"] if k <= K_MAX), strict=True)
            label = (
                f"{Path(found['config'].split()[0]).stem}, {found['truths']} truths, {found['simulations']} simulations"
            )
            axis.plot(k, ratio, "o-", ms=3, color=colour, label=label)
        axis.set(yscale="log", ylim=(0.3, 6), xlabel="k [h/Mpc]", ylabel="error$^2$ / (1 + 1/n) scatter$^2$")
        axis.set_yticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
        axis.yaxis.set_minor_formatter("")
        axis.text(0.03, 0.06, "below 1: too modest; above: overconfident", transform=axis.transAxes, fontsize=6.5)
        axis.legend(loc="upper right")
        save(figure, Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
