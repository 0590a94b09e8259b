"""How fast the networks are trained and applied, in CPU seconds of one thread."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from bench.halo_mass.particles import read
from lss.grid.subboxes import subboxes
from lss.learned.halo_mass import HaloMass
from lss.nets.checkpoint import build
from lss.nets.truncated_cauchy import cauchy_loss

REPEATS, BATCH = 5, 64


def training_speed(model: HaloMass) -> dict[str, float]:
    """Samples a CPU second of a training step (cutting, forward, backward, update), and GFLOP a second of its
    convolutions beside those of a bare convolution of the most expensive one's shape."""
    torch.set_num_threads(1)
    network = build(model.card["architecture"], model.source)
    optimizer = torch.optim.Adam(network.parameters(), amsgrad=True)
    fields = read("pm", 0).linear[None]
    centres = np.random.default_rng(1).integers(64, size=(BATCH, 3))
    d = torch.zeros(BATCH)

    def step() -> None:
        boxes = torch.from_numpy(subboxes(fields, centres, model.inputs.side))
        loss = cauchy_loss(network(boxes), d, network.log_gamma.exp()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    seconds = fastest(step)
    sizes = model.card["architecture"]
    side, before, flop = sizes["side"], sizes["inputs"], []
    shapes = []
    for number, after in enumerate(sizes["filters"]):
        flop.append(6 * 27 * side**3 * before * after * BATCH)  # forward, and backward twice as much
        shapes.append((before, after, side))
        before = after
        if number >= len(sizes["filters"]) - sizes["pooled"]:
            side = -(-side // 2)
    most = int(np.argmax(flop))
    bare = flop[most] / fastest(_bare(*shapes[most])) / 1e9
    return {
        "samples_per_s": round(BATCH / seconds, 1),
        "gflops": round(sum(flop) / seconds / 1e9, 1),
        "gflops_bare_conv3d": round(bare, 1),
    }


def dense_seconds(model: HaloMass) -> float:
    """CPU seconds for every particle of a universe of 64^3."""
    torch.set_num_threads(1)
    linear = read("pm", 0).linear
    return round(fastest(lambda: model.predict(linear, 50.0)), 3)


def _bare(before: int, after: int, side: int) -> Callable[[], None]:
    layout = torch.channels_last_3d
    x = torch.randn(BATCH, before, side, side, side).contiguous(memory_format=layout).requires_grad_()
    weight = torch.randn(after, before, 3, 3, 3).contiguous(memory_format=layout).requires_grad_()

    def step() -> None:
        functional.conv3d(x, weight, padding=1).sum().backward()

    return step


def fastest(work: Callable[[], object]) -> float:
    """CPU seconds of the fastest of several calls, after one that compiles and allocates."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)
