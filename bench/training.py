"""A training step of the default network, and an estimate, on a 64^3 box: `python -m bench.training [n]`.

A step is forward, backward and AdamW for one example. Times are the shortest of several on all cores, CPU and wall
seconds. The last line printed is JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it

import torch

from lss.nets.unet import UNet
from lss.process.threads import set_threads

REPEATS = 5


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    threads = set_threads(None)
    network = UNet(inputs=7)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    fields, target = torch.randn(1, 7, n, n, n), torch.randn(1, 1, n, n, n)

    def step(half_precision: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
            estimate = network(fields)
        loss = torch.nn.functional.mse_loss(estimate.float(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def estimate() -> None:
        with torch.inference_mode():
            network(fields)

    figures = {"float32": fastest(lambda: step(False)), "bfloat16": fastest(lambda: step(True))}
    figures["estimate"] = fastest(estimate)
    for name, times in figures.items():
        print(f"{name:10} {times['cpu']:6.2f} CPU s {times['wall']:6.2f} s")
    keys = {f"{name}_{kind}_s": round(value, 3) for name, both in figures.items() for kind, value in both.items()}
    print(json.dumps({"n": n, "threads": threads, **keys}))


def fastest(work: Callable[[], None]) -> dict[str, float]:
    """The shortest CPU and wall time of several runs."""
    times = []
    for _ in range(REPEATS):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return {"cpu": min(cpu for cpu, _ in times), "wall": min(wall for _, wall in times)}


if __name__ == "__main__":
    main()
