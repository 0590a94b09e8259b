"""Reconstructions against the truth: python -m bench.lulo [--config FILE] [--ensemble] [--truths N] [--catalogue PATH]

The last line printed is JSON. Truths (examples/lulo/truth.toml) and reconstructions are made as they are needed, by as
many processes of one thread as there are cores, and kept under build/lulo: an interrupted run goes on where it was, and
N can grow. `--ensemble` makes eight samples of each truth (default examples/lulo/ensemble.toml) and adds calibration.
`--catalogue` reconstructs another code's halos instead (default: AHF's of the 64^3 reference, with the snapshot at the
start that lies beside it as the truth). `--against FILE` holds the figures against another configuration's on the same
truths. `--set` changes keys of the configuration.
"""

import argparse
import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it

import numpy as np

from bench import lulo_calibration as calibration
from bench import lulo_reconstructions as reconstructions
from bench import lulo_truths as truths
from bench.lulo_catalogue import catalogue, grown, true_noise, truth_of
from bench.lulo_cost import cpu_hours
from bench.lulo_external import external_equal
from bench.lulo_figures import (
    BANDS,
    Figures,
    compare,
    figures,
    median,
    median_error,
    of_six,
    ratio_of_sums,
    without_a_loop,
)
from bench.lulo_kept import key
from bench.lulo_table import line, paired, table
from lss.config import Settings
from lss.errors import LssError
from lss.nets.checkpoint import read_card
from lss.six_fields import NAMES
from lss.spectra import falls_through
from lss.threads import available_cores, set_threads

SAMPLES = 8
DIGITS = 4


@dataclass(frozen=True)
class OfTruth:
    """What is measured of one truth: the figures of each sample, and of all of them together."""

    number: int
    samples: tuple[Figures, ...]
    mean: Figures
    errors: calibration.Errors | None
    without: Figures

    @property
    def row(self) -> Figures:
        """One row: means over the samples, what they took at most."""
        merged = {name: float(np.mean([sample[name] for sample in self.samples])) for name in self.samples[0]}
        merged["simulations"] = max(sample["simulations"] for sample in self.samples)
        return {**merged, **self.mean, **self.without}


def main() -> None:
    """Print the table and the JSON line."""
    arguments = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        run = _of_catalogue if arguments.catalogue is not None else _of_truths
        result = run(arguments)
    except LssError as error:
        print(f"bench.lulo: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(json.dumps(_rounded(result)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, help="what is reconstructed by (default: examples/lulo/best.toml)")
    parser.add_argument(
        "--ensemble", action="store_true", help=f"{SAMPLES} samples of each truth, and their calibration"
    )
    parser.add_argument("--truths", type=int, default=4, metavar="N", help="how many (default: 4)")
    parser.add_argument(
        "--truth-config", type=Path, default=Path("examples/lulo/truth.toml"), help="what truths are made by"
    )
    parser.add_argument("--catalogue", type=Path, nargs="?", const=Path(), help="another code's catalogue instead")
    parser.add_argument("--truth", type=Path, help="snapshot at the start, or universe, behind the catalogue")
    parser.add_argument(
        "--reference", type=Path, default=Path("../shared/reference"), help="folder of the reference runs"
    )
    parser.add_argument("--against", type=Path, action="append", default=[], help="another configuration, in pairs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change the configuration"
    )
    parser.add_argument("--processes", type=int, default=available_cores(), help="reconstructions at a time")
    arguments = parser.parse_args()
    default = "ensemble" if arguments.ensemble else "best"
    arguments.config = arguments.config or Path(f"examples/lulo/{default}.toml")
    if arguments.catalogue == Path():
        arguments.catalogue = arguments.reference / "gadget4-64-a" / "ahf.z0.000.AHF_halos"
    return arguments


# --- held-out truths -------------------------------------------------------------------------------------------------


def _of_truths(arguments: argparse.Namespace) -> dict[str, Any]:
    known = truths.truths(arguments.truth_config)
    ours = reconstructions.method(arguments.config, arguments.set, known.folder.name)
    others = [reconstructions.method(path, [], known.folder.name) for path in arguments.against]
    numbers, samples = range(arguments.truths), range(SAMPLES if arguments.ensemble else 1)
    with _pool(arguments.processes) as submit:
        made = [submit(truths.make, known, number) for number in numbers]
        for done in as_completed(made):
            done.result()
        work = {
            submit(_reconstructed, ours, known, number, sample): (number, sample)
            for number in numbers
            for sample in samples
        }
        for done in as_completed(work):
            number, sample = work[done]
            name = f"truth {number}" + (f", sample {sample}" if arguments.ensemble else "")
            print(line(name, done.result()), file=sys.stderr, flush=True)
        measured = [submit(_measured, ours, known, number, len(samples)) for number in numbers]
        found = [one.result() for one in measured]
    result = _result(arguments, ours, found)
    print(table([one.row for one in found], result), file=sys.stderr)
    for other in others:
        pairs = [one for one in found if other.path(one.number, 0).exists()]
        if pairs:
            theirs = [_measured(other, known, one.number, 1).row for one in pairs]
            print(paired([one.row for one in pairs], theirs, other.name), file=sys.stderr)
        else:
            print(f"{other.name}: nothing kept of these truths; run it first", file=sys.stderr)
    return result


def _reconstructed(chosen: reconstructions.Method, known: truths.Truths, number: int, sample: int) -> Figures:
    """Make a reconstruction, and measure it."""
    truth = truths.load(known.path(number))
    path = reconstructions.make(chosen, truths.observed(truth), number, sample)
    return figures(truths.load(path), truth)


def _measured(chosen: reconstructions.Method, known: truths.Truths, number: int, samples: int) -> OfTruth:
    """All figures of one truth whose reconstructions are there."""
    truth = truths.load(known.path(number))
    found = [truths.load(chosen.path(number, sample)) for sample in range(samples)]
    many = samples > 1
    return OfTruth(
        number,
        tuple(figures(universe, truth) for universe in found),
        calibration.mean_figures(found, truth) if many else {},
        calibration.errors(found, truth) if many else None,
        without_a_loop(truth, _estimator(chosen.settings)),
    )


@contextmanager
def _pool(processes: int) -> Iterator[Callable[..., Future]]:
    """Processes of one thread each: two of them do more than two threads of one."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=set_threads, initargs=(1,)) as pool:
        try:
            yield pool.submit
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# --- another code's catalogue ----------------------------------------------------------------------------------------


def _of_catalogue(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = reconstructions.settings_of(arguments.config, arguments.set)
    halos = catalogue(arguments.catalogue, settings)
    cause = key(halos.halos.position.tobytes().hex(), halos.halos.mass.tobytes().hex())
    ours = reconstructions.method(arguments.config, arguments.set, cause)
    beside = arguments.catalogue.parent / "snapshot_z127.hdf5"
    source = arguments.truth or (beside if beside.exists() else None)
    if source is None:
        raise LssError("no truth: name the snapshot at the start with --truth")
    noise = true_noise(source, settings)
    found = truths.load(reconstructions.make(ours, halos, 0, 0))
    truth = truth_of(halos, noise, truths.truths(arguments.truth_config).settings, settings)
    forward = compare(grown(noise, settings), truth)
    row = {**figures(found, truth), **without_a_loop(truth, _estimator(settings))}
    of_one = OfTruth(0, (row,), {}, None, {})
    recovered = compare(found, truth)
    relative = {
        name: falls_through(one.k, one.correlation / np.maximum(forward[name].correlation, 1e-6))
        for name, one in recovered.items()
    }
    result = _result(arguments, ours, [of_one]) | {
        "forward": {name: settings.get(name, {}) for name in ("ic", "sim", "halo")},
        "k80_forward": {name: forward[name].k80 for name in NAMES},
        "k80_relative": relative,
    }
    print(table([of_one.row], result), file=sys.stderr)
    return result


# --- the result ------------------------------------------------------------------------------------------------------


def _result(arguments: argparse.Namespace, chosen: reconstructions.Method, found: Sequence[OfTruth]) -> dict[str, Any]:
    """The keys of the JSON line; null where a figure was not measured."""
    rows = [one.row for one in found]
    shells = calibration.ratios([one.errors for one in found if one.errors is not None])
    universes, training = cpu_hours(chosen.settings)
    cosines = _cosines(chosen.settings)
    return {
        "config": " ".join([str(arguments.config), *arguments.set]),
        "truths": len(found),
        "k80": of_six(rows, median),
        "k80_error": of_six(rows, median_error),
        "k80_mean": {name: median(rows, f"k80_mean_{name}") for name in ("ic", "matter")},
        "k80_estimate": median(rows, "k80_estimate"),
        "k80_halo_field": median(rows, "k80_halo_field"),
        **{band: median(rows, band) for band in BANDS},
        "cos_raw": cosines[0],
        "cos_smoothed": cosines[1],
        "q_error": median(rows, "q_error"),
        "calibration": shells,
        "calibration_worst": calibration.worst(shells),
        "external_equal": external_equal(),
        "n_halos_ratio_20": ratio_of_sums(rows, "n_20"),
        "n_halos_ratio_130": ratio_of_sums(rows, "n_130"),
        "simulations": int(max(row["simulations"] for row in rows)),
        "wall_s": median(rows, "wall_s"),
        "universes_cpu_h": universes,
        "train_cpu_h": training,
    }


def _recon(settings: Settings, name: str, default: str) -> str:
    return str(settings.get("recon", {}).get(name, default))


def _estimator(settings: Settings) -> str | None:
    """The checkpoint of a configuration, if it is an estimator."""
    checkpoint = _recon(settings, "checkpoint", "estimator-64")
    return checkpoint if read_card(checkpoint)["model"] == "estimator" else None


def _cosines(settings: Settings) -> tuple[float | None, float | None]:
    """The validation cosines of a network of pairs, raw and smoothed with 10 Mpc/h."""
    if _recon(settings, "direction", "estimate") != "pairs":
        return None, None
    found = read_card(_recon(settings, "checkpoint", "estimator-64"))["validation"]
    return found["cosine"], found["cosine_smoothed"]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
