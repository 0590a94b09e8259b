"""What is measured of one truth, by processes of one thread: its reconstruction made, then all of its figures."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from bench.lulo import calibration, reconstructions, truths
from bench.lulo.figures import Figures, compare, figures, without_a_loop
from lss.config import Settings
from lss.grid.comparison import Comparison
from lss.nets.checkpoint import read_card
from lss.process.threads import set_threads


@dataclass(frozen=True)
class OfTruth:
    """The figures of each sample of a truth and their r(k) and T(k), of the mean of all, and of what needs no loop."""

    samples: tuple[Figures, ...]
    recovered: tuple[dict[str, Comparison], ...]
    without: Figures
    mean: Figures
    errors: calibration.Errors | None = None

    @property
    def row(self) -> Figures:
        """The samples' means (of the simulations, the most that one took), and what belongs to all of them."""
        merged = {name: float(np.mean([sample[name] for sample in self.samples])) for name in self.samples[0]}
        merged["simulations"] = max(sample["simulations"] for sample in self.samples)
        return {**merged, **self.mean, **self.without}


def reconstructed(method: reconstructions.Method, known: truths.Truths, number: int, sample: int) -> Figures:
    """Make a reconstruction of a truth that is there, and measure it."""
    truth = truths.load(known.path(number))
    path = reconstructions.make(method, truths.observed(truth), number, sample)
    found = truths.load(path)
    return figures(found, truth, compare(found, truth))


def measured(method: reconstructions.Method, known: truths.Truths, number: int, samples: int) -> OfTruth:
    """All figures of one truth whose reconstructions are there."""
    truth = truths.load(known.path(number))
    found = [truths.load(method.path(number, sample)) for sample in range(samples)]
    recovered = tuple(compare(universe, truth) for universe in found)
    each = tuple(figures(universe, truth, one) for universe, one in zip(found, recovered, strict=True))
    without = without_a_loop(truth, estimator_of(method.settings))
    if samples == 1:
        return OfTruth(each, recovered, without, {})
    return OfTruth(each, recovered, without, calibration.mean_figures(found, truth), calibration.errors(found, truth))


def estimator_of(settings: Settings) -> str | None:
    """The checkpoint of a configuration, if it is an estimator."""
    checkpoint = settings["recon"]["checkpoint"]
    return checkpoint if read_card(checkpoint)["model"] == "estimator" else None


@contextmanager
def processes(count: int) -> Iterator[Callable[..., Future]]:
    """What submits work to processes of one thread each: two of them do more than one of two threads."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, initializer=set_threads, initargs=(1,)) as pool:
        try:
            yield pool.submit
        except BaseException:
            # First of all, as a second signal may follow; left alone they go on until they are done, unseen.
            for worker in multiprocessing.active_children():
                worker.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
