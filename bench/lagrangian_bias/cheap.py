"""The halo field of a cheap run: PM on 64^3 particles carries the f of 128^3, commands from seed to field."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.lagrangian_bias.trainings import judge, mean, trained
from bench.lagrangian_bias.universes import HELD_OUT, TRAINING, chain
from lss.files.universe_file import read_universe
from lss.grid.agreement import agreement, bands
from lss.learned.lagrangian_bias import load

PM = ("box.n=64", "sim.method=pm", "sim.steps=20", "halo.particle_masses=false")


def everything(folder: Path) -> dict[str, Any]:
    """E of the cheap fields over that of P3M's own displacements; CPU seconds of both chains."""
    path = folder / "models" / "mass-best.safetensors"
    bias = load(path) if path.exists() else trained(folder, "mass-best", TRAINING)
    cheap, full, cheap_below, full_below, times = [], [], [], [], []
    for index in HELD_OUT:
        output = folder / "cheap" / f"{index:06d}.h5"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.unlink(missing_ok=True)
        times.append(chain(index, output, *PM, f"halo.network={path}"))
        model = read_universe(output, ["fields/halo_model"]).field("halo_model").value
        universe = judge(folder, index)
        truth, own = universe.truth(bias), universe.field(bias.ratios(universe.linear, universe.box_size))
        for field, in_bands, below in ((model, cheap, cheap_below), (own, full, full_below)):
            in_bands.append(agreement(field, truth, universe.box_size, bands(universe.box_size)))
            below.append(agreement(field, truth, universe.box_size, bands(universe.box_size, (0.0, 0.3))).error)
    output = folder / "cheap" / "p3m.h5"
    output.unlink(missing_ok=True)
    full_seconds = chain(HELD_OUT[0], output)
    output.unlink()
    below = [np.mean([one[0] for one in found]) for found in (cheap_below, full_below)]
    seconds = float(np.median(times))
    return {
        "cheap_e_ratio": round(float(below[0] / below[1]), 4),
        "cheap_e": mean(cheap, "error"),
        "cheap_full_e": mean(full, "error"),
        "cheap_cpu_s": round(seconds, 2),
        "cheap_speedup": round(full_seconds / seconds, 1),
        "p3m_cpu_s": round(full_seconds, 1),
    }
