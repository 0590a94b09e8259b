"""Reconstructions against the truth: python -m bench.lulo [--config FILE] [--ensemble] [--truths N] [--catalogue PATH]

The last line printed is JSON. Truths (examples/lulo/truth.toml) and reconstructions are made as they are needed, by as
many processes of one thread as there are cores, and kept under build/lulo: an interrupted run goes on where it was, and
N can grow. `--ensemble` makes eight samples of each truth (default examples/lulo/ensemble.toml) and adds calibration.
`--catalogue` reconstructs another code's halos instead (default: AHF's of the 64^3 reference, with the snapshot at the
start that lies beside it as the truth). `--against FILE` holds the figures against another configuration's on the same
truths. `--set` changes keys of the configuration. `build/lulo/latest/NAME`, or `NAME-TABLE.KEY=VALUE` of a changed one,
leads to the universes behind the figures.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it

from bench.lulo import calibration, reconstructions, truths
from bench.lulo.catalogue import of_catalogue
from bench.lulo.cost import cpu_hours
from bench.lulo.external import external_equal
from bench.lulo.figures import median, median_error, of_six, ratio_of_sums, reaches_together
from bench.lulo.measured import OfTruth, measured, processes, reconstructed
from bench.lulo.table import line, paired, table
from lss.config import Settings
from lss.errors import ConfigError, LssError
from lss.nets.checkpoint import read_card
from lss.process import interrupt
from lss.process.threads import available_cores

SAMPLES = 8
DIGITS = 4
CATALOGUE = Path("gadget4-64-a") / "ahf.z0.000.AHF_halos"  # below --reference


def main() -> None:
    """Print what is found: for people on standard error, for programs as the last line."""
    arguments = _arguments()
    interrupt.install(deferred=False)
    try:
        result = _of_catalogue(arguments) if arguments.catalogue else _of_truths(arguments)
    except LssError as error:
        print(f"bench.lulo: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(json.dumps(_rounded(result)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    truth, reference = Path("examples/lulo/truth.toml"), Path("../shared/reference")
    add("--config", type=Path, help="what is reconstructed by (default: examples/lulo/best.toml, or ensemble.toml)")
    add("--ensemble", action="store_true", help=f"{SAMPLES} samples of each truth, and their calibration")
    add("--truths", type=int, default=4, metavar="N", help="how many (default: 4)")
    add("--truth-config", type=Path, default=truth, help="what truths are made by")
    add("--catalogue", type=Path, nargs="?", const=CATALOGUE, help="another code's catalogue instead")
    add("--truth", type=Path, help="snapshot at the start, or universe, behind the catalogue")
    add("--reference", type=Path, default=reference, help="folder of the reference runs")
    add("--against", type=Path, action="append", default=[], help="another configuration, in pairs (repeatable)")
    add("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change one key (repeatable)")
    add("--processes", type=int, default=available_cores(), help="reconstructions at a time")
    arguments = parser.parse_args()
    default = "ensemble" if arguments.ensemble else "best"
    arguments.config = arguments.config or Path(f"examples/lulo/{default}.toml")
    if arguments.catalogue == CATALOGUE:
        arguments.catalogue = arguments.reference / CATALOGUE
    return arguments


def _of_truths(arguments: argparse.Namespace) -> dict[str, Any]:
    known = truths.truths(arguments.truth_config)
    ours = reconstructions.method(arguments.config, arguments.set, known.folder.name)
    numbers, samples = range(arguments.truths), range(SAMPLES if arguments.ensemble else 1)
    against = {path: _kept(path, known, numbers) for path in arguments.against}
    with processes(arguments.processes) as submit:
        for made in as_completed([submit(truths.make, known, number) for number in numbers]):
            made.result()
        tasks = [(number, sample) for number in numbers for sample in samples]
        work = {submit(reconstructed, ours, known, *task): task for task in tasks}
        for done in as_completed(work):
            number, sample = work[done]
            name = f"truth {number}" + (f", sample {sample}" if arguments.ensemble else "")
            _say(line(name, done.result()))
        found = [done.result() for done in [submit(measured, ours, known, number, len(samples)) for number in numbers]]
    result = _result(arguments, ours.settings, found)
    _say(table([one.row for one in found], result))
    kept = ours.folder / ("ensemble.json" if arguments.ensemble else "single.json")
    kept.write_text(json.dumps(_rounded(result)) + "\n")
    for path, (other, pairs) in against.items():
        theirs = [measured(other, known, number, 1).row for number in pairs]
        _say(paired([found[number].row for number in pairs], theirs, str(path)))
    return result | {"external_equal": external_equal()}


def _kept(config: Path, known: truths.Truths, numbers: range) -> tuple[reconstructions.Method, list[int]]:
    """Another configuration, and the truths that it has reconstructed. Raises ConfigError if there is none."""
    other = reconstructions.method(config, [], known.folder.name)
    pairs = [number for number in numbers if other.path(number, 0).exists()]
    if not pairs:
        raise ConfigError(f"--against {config}: nothing is kept of these truths; run it with --config first")
    return other, pairs


def _of_catalogue(arguments: argparse.Namespace) -> dict[str, Any]:
    truth = arguments.truth or arguments.catalogue.parent / "snapshot_z127.hdf5"
    simulated_by = truths.truths(arguments.truth_config).settings
    settings = reconstructions.settings_of(arguments.config, arguments.set)
    name = reconstructions.name_of(arguments.config, arguments.set)
    found, further = of_catalogue(arguments.catalogue, truth, simulated_by, settings, name)
    result = _result(arguments, settings, [found]) | further
    _say(table([found.row], result))
    return result | {"external_equal": external_equal()}


def _result(arguments: argparse.Namespace, settings: Settings, found: Sequence[OfTruth]) -> dict[str, Any]:
    """The keys of the JSON line; null where a figure was not measured."""
    rows = [one.row for one in found]
    shells = calibration.ratios([one.errors for one in found if one.errors is not None])
    universes, training = cpu_hours(settings)
    raw, smoothed = _cosines(settings)
    return {
        "config": " ".join([str(arguments.config), *arguments.set]),
        "truths": len(found),
        "k80": of_six(rows, median),
        "k80_error": of_six(rows, median_error),
        "k80_default": of_six(rows, median, "k80_default"),
        "k80_mean": {name: median(rows, f"k80_mean_{name}") for name in ("ic", "matter")},
        "k80_estimate": median(rows, "k80_estimate"),
        "k80_halo_field": median(rows, "k80_halo_field"),
        **reaches_together([sample for one in found for sample in one.recovered]),
        "cos_raw": raw,
        "cos_smoothed": smoothed,
        "q_error": median(rows, "q_error"),
        "calibration": shells,
        "calibration_worst": calibration.worst(shells),
        "external_equal": None,
        "n_halos_ratio_20": ratio_of_sums(rows, "n_20"),
        "n_halos_ratio_130": ratio_of_sums(rows, "n_130"),
        "simulations": int(max(row["simulations"] for row in rows)),
        "wall_s": median(rows, "wall_s"),
        "universes_cpu_h": universes,
        "train_cpu_h": training,
    }


def _cosines(settings: Settings) -> tuple[float | None, float | None]:
    """The validation cosines of a network of pairs, raw and smoothed with 10 Mpc/h."""
    if settings["recon"]["direction"] != "pairs":
        return None, None
    found = read_card(settings["recon"]["checkpoint"])["validation"]
    return found["cosine"], found["cosine_smoothed"]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value
