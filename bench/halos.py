"""Halo finders against Gadget-4, AHF, theory and the clock: python -m bench.halos [--quick] [--reference-dir DIR]

The last line printed is JSON: the worst figures of the snapshots compared. `--quick` leaves out 128^3; `--snapshot`,
`--groups`, `--ahf` and `--ahf-fine` name the files of any other Gadget-4 run instead.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.spatial import cKDTree

from lss import stages
from lss.files.universe_file import read_universe
from lss.physics.units import GADGET_MASS, particle_mass
from lss.universe import Halos, Universe
from lss_halo.catalogues import ahf as ahf_catalogue
from lss_halo.config import Catalogue, Config
from lss_halo.finders.cells import Cells, sort_into_cells
from lss_halo.finders.mass_definition import threshold_density
from lss_halo.finders.spheres import gather, sphere
from lss_halo.stage import find_halos

GRAVITY = 4.30071e-9  # (km/s)^2 Mpc / Msun, as Gadget-4 has it
BINS = ((20, 30), (30, 50), (50, 100))
SPAN = 0.05  # by which the span of two AHF catalogues is widened


@dataclass(frozen=True)
class Run:
    """The files of one Gadget-4 run and of AHF on its last snapshot."""

    snapshot: Path
    groups: Path
    ahf: Path
    ahf_fine: Path


def reference(folder: Path) -> Run:
    """The run in a folder of the reference data."""
    names = ("snapshot_z0.hdf5", "fof_subhalo_tab_z0.hdf5", "ahf.z0.000.AHF_halos", "ahf-fine.z0.000.AHF_halos")
    return Run(*(folder / name for name in names))


def compare(run: Run) -> dict[str, Any]:
    """All figures of one run; every `_bias` and `_error` is absolute."""
    universe = read_universe(run.snapshot)
    figures: dict[str, Any] = against_gadget(universe, run.groups)
    ours = catalogue(universe, "200c", 20)
    coarse, fine = (ahf_catalogue.read(path, Catalogue(), Config()).columns for path in (run.ahf, run.ahf_fine))
    figures |= against_ahf(ours, coarse, fine, universe.box.size)
    figures["ahf_equal_about_its_centres"] = equal_about_centres(universe, coarse)
    figures["tinker_error"] = against_theory(universe, ours)
    return figures


def catalogue(universe: Universe, definition: str, min_particles: int) -> Halos:
    """Our halos of a snapshot."""
    halo = {"mass_definition": definition, "min_particles": min_particles}
    return find_halos(universe.particles, Config.model_validate({**universe.config, "halo": halo}))


# --- Gadget-4 --------------------------------------------------------------------------------------------------------


def against_gadget(universe: Universe, path: Path) -> dict[str, float]:
    """Shares of Gadget-4's groups whose length, and whose M200c about its own centre, are equal to ours."""
    with h5py.File(path) as file:
        lengths = file["Group/GroupLen"][:]
        centres = file["Group/GroupPos"][:].astype(np.float64)
        masses = file["Group/Group_M_Crit200"][:].astype(np.float64) * GADGET_MASS
        group_masses = file["Group/GroupMass"][:].astype(np.float64) * GADGET_MASS
    ours = catalogue(universe, "fof", int(lengths.min())).n_particles
    distinct = np.union1d(ours, lengths)
    common = np.minimum(*(np.array([np.sum(x == v) for v in distinct]) for x in (ours, lengths))).sum()
    position, box = universe.particles.position, universe.box
    of_particle = particle_mass(universe.cosmology.omega_m, box.size, len(position))
    density = threshold_density("200c", universe.particles.redshift, universe.cosmology.omega_m)
    cells = sort_into_cells(position, box.size, 0.2 * box.size / box.n)
    equal = 0
    for centre, mass, group_mass in zip(centres, masses, group_masses, strict=True):
        ours_here = bisected_mass(centre % box.size, group_mass, density, of_particle, cells)
        equal += abs(ours_here - mass) <= 1e-3 * mass
    return {"fof_equal": float(common / len(lengths)), "m200c_equal": equal / len(masses)}


def bisected_mass(centre: np.ndarray, guess: float, density: float, of_particle: float, cells: Cells) -> float:
    """Mass inside the radius that Gadget-4 finds: by bisection up to 3 (G M_FoF / (100 H0^2))^(1/3)."""
    low, high = 0.0, 3 * (GRAVITY * guess / (100 * 100.0**2)) ** (1 / 3)
    distance = np.sort(gather(centre, high, cells)[2])
    while high - low > 1e-6 * high:
        middle = 0.5 * (low + high)
        inside = np.searchsorted(distance, middle, side="right") * of_particle
        if inside > 4 / 3 * np.pi * middle**3 * density:
            low = middle
        else:
            high = middle
    return float(np.searchsorted(distance, high, side="right") * of_particle)


# --- AHF -------------------------------------------------------------------------------------------------------------


def against_ahf(ours: Halos, coarse: dict[str, Any], fine: dict[str, Any], box_size: float) -> dict[str, Any]:
    """Matches, mass ratios, motions and mass functions against AHF's host halos."""
    mine = ours.columns
    there, back = partners(coarse, mine, box_size), partners(mine, coarse, box_size)
    large, small = coarse["n_particles"] >= 100, coarse["n_particles"] < 100
    ratio = mine["mass"][there] / coarse["mass"]
    pairs = large & (there >= 0)
    a, b = {k: v[pairs] for k, v in coarse.items()}, {k: v[there[pairs]] for k, v in mine.items()}
    drift = np.linalg.norm(b["velocity"] - a["velocity"], axis=1) / a["velocity_dispersion"]
    thresholds = (100, 150, 200)
    cumulative = [(mine["n_particles"] >= n).sum() / (coarse["n_particles"] >= n).sum() - 1 for n in thresholds]
    counts = {f"{low}-{high}": [in_bin(c, low, high) for c in (mine, coarse, fine)] for low, high in BINS}
    within = [min(x, y) * (1 - SPAN) <= own <= max(x, y) * (1 + SPAN) for own, x, y in counts.values()]
    return {
        "matched": float((there[large] >= 0).mean()),
        "matched_back": float((back[mine["n_particles"] >= 100] >= 0).mean()),
        "mass_bias": abs(float(np.median(ratio[pairs])) - 1),
        "mass_scatter": float(ratio[pairs].std()),
        "mass_within_10_below_100": float((np.abs(ratio[small & (there >= 0)] - 1) <= 0.1 + 1e-6).mean()),
        "velocity_error": float(np.median(drift)),
        "dispersion_error": abs(float(np.median(b["velocity_dispersion"] / a["velocity_dispersion"])) - 1),
        "vmax_bias": abs(float(np.median(b["v_max"] / a["v_max"])) - 1),
        "hmf_error_100": abs(float(cumulative[0])),
        "hmf_error_150": abs(float(cumulative[1])),
        "hmf_error_200": abs(float(cumulative[2])),
        "hmf_in_span_20": bool(all(within)),
        "counts_ours_ahf_fine": counts,
        "ahf_mass_within_10_below_100": agreement_below_100(coarse, fine, box_size),
    }


def equal_about_centres(universe: Universe, ahf: dict[str, Any]) -> float:
    """Share of AHF's hosts that have exactly AHF's number of particles when our sphere is drawn about AHF's centre."""
    position, box = universe.particles.position, universe.box
    of_particle = particle_mass(universe.cosmology.omega_m, box.size, len(position))
    crowding = 4 / 3 * np.pi * threshold_density("200c", 0.0, universe.cosmology.omega_m) / of_particle
    cells = sort_into_cells(position, box.size, 0.2 * box.size / box.n)
    centres = np.mod(ahf["position"], box.size)
    sizes = [len(sphere(c, 1.5 * r, crowding, 10, cells)[0]) for c, r in zip(centres, ahf["radius"], strict=True)]
    return float((np.array(sizes) == ahf["n_particles"]).mean())


def in_bin(columns: dict[str, Any], low: int, high: int) -> int:
    """Halos with low to high particles."""
    return int(((columns["n_particles"] >= low) & (columns["n_particles"] < high)).sum())


def agreement_below_100(first: dict[str, Any], second: dict[str, Any], box_size: float) -> float:
    """Share of the matches below 100 particles with masses within 10%: two runs of AHF on the same snapshot."""
    other = partners(first, second, box_size)
    both = (first["n_particles"] < 100) & (other >= 0)
    return float((np.abs(second["mass"][other[both]] / first["mass"][both] - 1) <= 0.1 + 1e-6).mean())


def partners(halos: dict[str, Any], others: dict[str, Any], box_size: float) -> np.ndarray:
    """For each halo the other one within half its radius whose mass is nearest, -1 for none."""
    tree = cKDTree(np.mod(others["position"].astype(np.float64), box_size), boxsize=box_size)
    found = np.full(len(halos["mass"]), -1)
    position = np.mod(halos["position"].astype(np.float64), box_size)
    for i, near in enumerate(tree.query_ball_point(position, 0.5 * halos["radius"].astype(np.float64))):
        if near:
            found[i] = min(near, key=lambda j: abs(np.log(others["mass"][j] / halos["mass"][i])))
    return found


# --- theory and cost -------------------------------------------------------------------------------------------------


def against_theory(universe: Universe, ours: Halos) -> float:
    """Largest deviation from Tinker 2008 in bins of more than 50 halos of at least 100 particles."""
    settings = {**universe.config, "stats": {"measure": ["mass_function"]}}
    measured = stages.run("stats", universe.with_halos(ours), settings).group("stats/mass_function").data
    smallest = 100 * ours.mass.min() / ours.n_particles.min()
    used = (measured["count"] > 50) & (measured["mass_low"] >= smallest)
    if not used.any():
        return float("nan")
    return float(np.abs(measured["density"][used] / measured["tinker08"][used] - 1).max())


def cost(snapshot: Path) -> dict[str, float]:
    """Seconds of both finders on warm kernels, the best of five, and the peak memory of a process that runs both."""
    universe = read_universe(snapshot)
    figures = {}
    for name, definition in (("fof", "fof"), ("so", "200c")):
        catalogue(universe, definition, 20)
        wall, cpu = [], []
        for _ in range(5):
            start, busy = time.perf_counter(), time.process_time()
            catalogue(universe, definition, 20)
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
        figures |= {f"{name}_s_128": round(min(wall), 3), f"{name}_cpu_s_128": round(min(cpu), 3)}
    figures["rss_gb_128"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 3)
    return figures


def worst(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst of several runs, figure by figure; the first alone decides about fof_equal."""
    figures: dict[str, Any] = {}
    for key, value in runs[0].items():
        values = [run[key] for run in runs if run[key] == run[key]]  # a figure may be undefined (NaN) for a small box
        if isinstance(value, dict):
            figures[key] = [run[key] for run in runs]
        elif not values:
            figures[key] = None
        else:
            figures[key] = (
                max(values) if key.endswith(("_error", "_bias", "_scatter")) or "_error_" in key else min(values)
            )
    return figures | {"fof_equal": runs[0]["fof_equal"]}


def main() -> None:
    """Print the figures of each run, then one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reference-dir", type=Path, default=Path("../shared/reference"))
    parser.add_argument("--quick", action="store_true", help="leave out 128^3")
    parser.add_argument("--cost", type=Path, help=argparse.SUPPRESS)
    for name in ("--snapshot", "--groups", "--ahf", "--ahf-fine"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    if arguments.cost:
        print(json.dumps(cost(arguments.cost)))
        return
    sizes = ("64",) if arguments.quick else ("64", "128")
    runs = [reference(arguments.reference_dir / f"gadget4-{size}-a") for size in sizes]
    if arguments.snapshot:
        runs = [Run(arguments.snapshot, arguments.groups, arguments.ahf, arguments.ahf_fine)]
    compared = []
    for run in runs:
        compared.append(compare(run))
        print(run.snapshot, json.dumps(compared[-1]))
    figures = worst(compared)
    if not arguments.quick and not arguments.snapshot:
        command = [sys.executable, "-m", "bench.halos", "--cost", str(runs[-1].snapshot)]
        figures |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
