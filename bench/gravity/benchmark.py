"""lss-sim against Gadget-4, exact forces and analytic solutions: `python -m bench.gravity`.

    python -m bench.gravity --quick                  everything but 128^3, 256^3 and convergence: 2 CPU minutes
    python -m bench.gravity                          15 CPU minutes
    python -m bench.gravity --initial A --reference B    one run from Gadget particles A, held against its result B

The Gadget-4 runs are looked for in --reference-dir. The last line printed is JSON; what was not measured is null.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.gravity.checks import (
    BANDS,
    band_ratios,
    compared,
    configuration,
    conservation_errors,
    evolved,
    force_errors,
    growth_error,
    initial_particles,
    largest_error,
    mass_function_error,
    pancake_error,
)
from lss.files.universe_file import read_universe
from lss.grid import fourier
from lss.process.kernels import kernel
from lss.process.threads import set_threads
from lss.universe import Particles
from lss_sim.cells import cell_order, take
from lss_sim.mesh_force import MeshForce, mesh_offset
from lss_sim.motion import columns
from lss_sim.p3m import SCHEME
from lss_sim.pair_force import BLOCK, PairForce, held_force
from lss_sim.split import cloud_polynomial, long_range_influence

ROOT = Path(__file__).resolve().parents[2]
KEYS = (
    *("p_error_k1", "p_error_k3", "r_k1", "hmf_error", "force_median", "force_p99", "convergence", "growth_error"),
    *("energy_error", "pancake_error", "momentum_error", "cpu_s_64", "cpu_s_128", "rss_gb_128", "gpair_per_s_core"),
    "same_bits_any_threads",
)
VARIANTS = ({"steps": 288}, {"eta": 0.02 / 4, "levels": 7}, {"mesh": 3})
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Run:
    """A run of the command lss-sim: its particles, and what the provenance says it took."""

    particles: Particles
    n: int
    box_size: float
    cpu_seconds: float
    peak_bytes: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out 128^3, 256^3 and convergence")
    parser.add_argument("--reference-dir", type=Path, default=ROOT.parent / "shared" / "reference")
    parser.add_argument("--initial", type=Path, help="Gadget snapshot to start from")
    parser.add_argument("--reference", type=Path, help="Gadget snapshot to compare with, at the redshift to run to")
    arguments = parser.parse_args()
    found: dict[str, Any] = dict.fromkeys(KEYS)
    if arguments.initial or arguments.reference:
        pairs = [(arguments.initial, arguments.reference)]
    else:
        names = ("gadget4-64-a",) if arguments.quick else ("gadget4-64-a", "gadget4-128-a")
        folders = [arguments.reference_dir / name for name in names]
        pairs = [(f / "snapshot_z127.hdf5", f / "snapshot_z0.hdf5") for f in folders if f.is_dir()]
    for initial, reference in pairs:
        against_gadget(initial, reference, found)
    if not arguments.initial:
        physics(found)
        speed(found)
        if not arguments.quick:
            found["convergence"] = convergence()
            if found["cpu_s_64"]:
                cost_of_size(found)
    print(json.dumps({key: _rounded(value) for key, value in found.items()}))


def against_gadget(initial: Path, reference: Path, found: dict[str, Any]) -> None:
    """Power, correlation and mass function of a run against Gadget's, and its cost; the worse of all runs is kept."""
    theirs = read_universe(reference).particles
    run = simulated(initial, round(theirs.redshift, 6))
    spectra = compared(run.particles.position, theirs.position, run.n, run.box_size)
    ratios, r = band_ratios(spectra), spectra.correlation(0, 1)
    groups = mass_function_error(run.particles.position, theirs.position, run.n, run.box_size)
    bands = " ".join(f"{100 * (ratio - 1):+.2f}" for ratio in ratios)
    print(f"{initial.parent.name}: P over Gadget's - 1 in %, bands {BANDS}: {bands}")
    print(
        f"    r(k <= 1) >= {r[spectra.k <= 1].min():.5f}; groups within {100 * groups:.1f}%; "
        f"{run.cpu_seconds:.1f} CPU s, {run.peak_bytes / 1e9:.2f} GB"
    )
    worst(found, "p_error_k1", largest_error(ratios, 1.0))
    worst(found, "p_error_k3", largest_error(ratios, 3.0))
    worst(found, "hmf_error", groups)
    found["r_k1"] = min(found["r_k1"] or 1.0, float(r[spectra.k <= 1].min()))
    if run.n in (64, 128):
        found[f"cpu_s_{run.n}"] = run.cpu_seconds
    if run.n == 128:
        found["rss_gb_128"] = run.peak_bytes / 1e9


def simulated(initial: Path, redshift: float) -> Run:
    """Run lss-sim with its defaults on one thread, in a process of its own, with its kernels compiled before."""
    nearby = 0.99 * read_universe(initial).particles.redshift
    execute(initial, nearby, steps=1)
    return execute(initial, redshift)


def execute(initial: Path, redshift: float, **sim: Any) -> Run:
    """Run lss-sim on one thread, in a process of its own, with its defaults but for the keys of [sim] named."""
    keys = {"redshifts": [redshift], **sim}
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "run.h5")
        command = [sys.executable, "-c", "from lss_sim.cli import main; main()", str(initial), "--threads", "1"]
        command += ["--quiet", *(word for key, value in keys.items() for word in ("--set", f"sim.{key}={value}"))]
        subprocess.run([*command, "-o", output], check=True)
        universe = read_universe(output)
    (attrs,) = (group.attrs for path, group in universe.groups.items() if path.endswith("lss-sim"))
    return Run(
        universe.particles,
        universe.box.n,
        universe.box.size,
        float(attrs["cpu_seconds"]),
        int(attrs["peak_memory_bytes"]),
    )


def physics(found: dict[str, Any]) -> None:
    """Everything that needs nobody else's run."""
    config = configuration(32, 62.5)
    found["pancake_error"] = pancake_error(config)
    found["growth_error"] = growth_error(64, 125.0)
    found["energy_error"], found["momentum_error"] = conservation_errors(config)
    quick = configuration(64, 125.0, method="pm", steps=40)
    clustered = evolved(initial_particles(quick, redshift=19.0), quick)
    found["force_median"], found["force_p99"] = force_errors(clustered.position, configuration(64, 125.0))
    short = configuration(32, 62.5, steps=30)
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append(evolved(initial_particles(short), short))
    set_threads(1)
    same = [np.array_equal(getattr(results[0], name), getattr(results[1], name)) for name in ("position", "velocity")]
    found["same_bits_any_threads"] = all(same)
    for key in ("pancake_error", "growth_error", "energy_error", "momentum_error", "force_median", "force_p99"):
        print(f"{key}: {found[key]:.2e}")


def convergence() -> float:
    """Largest |P ratio - 1| to k = 1 of each of VARIANTS to the default, averaged over SEEDS of the mesh offset."""
    n, box_size = 64, 125.0
    default = configuration(n, box_size)
    start = initial_particles(default)
    base = [evolved(start, configuration(n, box_size, offset_seed=seed)) for seed in SEEDS]
    largest = 0.0
    for variant in VARIANTS:
        runs = [evolved(start, configuration(n, box_size, offset_seed=seed, **variant)) for seed in SEEDS]
        ratios = [band_ratios(compared(a.position, b.position, n, box_size)) for a, b in zip(runs, base, strict=True)]
        mean = np.mean(ratios, axis=0)
        print(f"{variant}: P over the default's - 1 in %: {' '.join(f'{100 * (m - 1):+.2f}' for m in mean)}")
        largest = max(largest, largest_error(mean, 1.0))
    return largest


def cost_of_size(found: dict[str, Any]) -> None:
    """Print CPU time per particle and memory of runs to z = 0 of 32^3 to 256^3 particles.

    256^3 makes three early steps: what these cost more per particle than those of the largest box that was run, the
    whole run is taken to.
    """
    few = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in (32, 64, 128, 256):
            initial = Path(folder) / "initial.h5"
            box = ["--force", "--set", f"box.n={n}", "--set", f"box.size={n * 125 / 64}"]
            make = [sys.executable, "-c", "from lss_ic.cli import main; main()", *box, "--quiet", "-o", str(initial)]
            subprocess.run(make, check=True)
            one, four = (execute(initial, 100.0, steps=steps) for steps in (1, 4))
            few[n] = (four.cpu_seconds - one.cpu_seconds) / 3 / n**3
            total = execute(initial, 0.0).cpu_seconds if n == 32 else found.get(f"cpu_s_{n}")
            how = "CPU s" if total else "CPU s extrapolated"
            known = 128 if found["cpu_s_128"] else 64
            total = total or few[n] / few[known] * found[f"cpu_s_{known}"] * (n / known) ** 3
            print(
                f"{n}^3: {1e6 * few[n]:.2f} us per particle for an early step, {1e6 * total / n**3:.0f} for all: "
                f"{total:.3g} {how}; {four.peak_bytes / 1e9:.2f} GB"
            )


def speed(found: dict[str, Any]) -> None:
    """Share of each kernel in a step of a clustered 64^3 box and of its limit, one thread."""
    set_threads(1)
    config = configuration(64, 125.0, method="pm", steps=40)
    position = evolved(initial_particles(config, redshift=19.0), config).position
    n, box_size, reach = 64, 125.0, config.sim.reach * 125.0 / 64
    order, cells = cell_order(position, box_size, reach)
    place = take(position, order)
    force, level = np.zeros((4, n**3), np.float32), np.zeros(n**3, np.uint8)
    across = columns(place)
    pair_force = PairForce(box_size, reach, 0.05, box_size**3 / (4 * np.pi * n**3))
    mesh_force = MeshForce(2 * n, box_size, SCHEME, long_range_influence(2 * n, box_size, reach, SCHEME))
    stray = cells.enclose(across)
    pairs = pair_force(across, cells, level, 0, stray, force)
    grid = np.zeros((2 * n,) * 3, np.float32)
    seconds = {
        "pair force": fastest(lambda: pair_force(across, cells, level, 0, stray, force)),
        "mesh force": fastest(lambda: mesh_force(place, mesh_offset(1, 1))),
        "  of which FFT": fastest(lambda: fourier.inverse(fourier.forward(grid), 2 * n)),
        "ordering": fastest(lambda: take(place, cell_order(place, box_size, reach)[0])),
    }
    for name, one in seconds.items():
        print(f"{name}: {1e3 * one:.1f} ms, {1e9 * one / n**3:.0f} ns per particle")
    inner = inner_loop_rate(reach)
    found["gpair_per_s_core"] = inner
    print(
        f"pairs: {pairs / n**3:.0f} per particle, {pairs / seconds['pair force'] / 1e9:.2f} Gpair/s with gathering, "
        f"{inner:.2f} Gpair/s in the inner loop"
    )


def inner_loop_rate(reach: float) -> float:
    """Gpair/s of the loop over sources, for blocks as long as in a run."""
    source = np.random.default_rng(1).uniform(-reach, reach, (3, BLOCK)).astype(np.float32)
    shape = np.array([reach**2, 0.14**2, 1 / 0.14, *cloud_polynomial(reach), 1.0, reach], np.float32)
    turns = 20_000
    return turns * BLOCK / fastest(lambda: _many_targets(source, shape, turns)) / 1e9


@kernel(fastmath=True)
def _many_targets(source, shape, turns):
    total = np.float32(0.0)
    x, y, z = source[0], source[1], source[2]
    for t in range(turns):
        i = t % len(x)
        fx, fy, fz, stiffness, close = held_force(x[i], y[i], z[i], x, y, z, shape)
        total += fx + fy + fz + stiffness + close
    return total


def fastest(work: Callable[[], Any], repeats: int = 5) -> float:
    """Shortest CPU time of several runs, seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def worst(found: dict[str, Any], key: str, value: float) -> None:
    """Keep the larger."""
    found[key] = max(found[key] or 0.0, value)


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
