"""What a training that was stopped goes on from: weights, the best ones so far, and the moments of Adam or AdamW."""

from collections.abc import Mapping

import numpy as np
import torch

MOMENTS = ("exp_avg", "exp_avg_sq")
Weights = dict[str, torch.Tensor]


def weights_of(network: torch.nn.Module) -> Weights:
    """A copy of the weights as they are now."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def as_arrays(network: torch.nn.Module, optimizer: torch.optim.Optimizer, best: Weights) -> dict[str, np.ndarray]:
    """All of it by name; there are no moments before the first update."""
    data = {f"network.{name}": tensor.cpu().numpy() for name, tensor in network.state_dict().items()}
    data |= {f"best.{name}": tensor.cpu().numpy() for name, tensor in best.items()}
    for name, parameter in network.named_parameters():
        for moment in MOMENTS if parameter in optimizer.state else ():
            data[f"{moment}.{name}"] = optimizer.state[parameter][moment].cpu().numpy()
    return data


def restore(
    data: Mapping[str, np.ndarray], network: torch.nn.Module, optimizer: torch.optim.Optimizer, updates: int
) -> Weights:
    """Bring network and optimizer to where they stood after `updates`, and return the best weights."""
    network.load_state_dict(_tensors(data, "network."))
    for name, parameter in network.named_parameters():
        if f"{MOMENTS[0]}.{name}" in data:
            moments = {m: torch.empty_like(parameter).copy_(torch.from_numpy(data[f"{m}.{name}"])) for m in MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(updates)), **moments}
    return _tensors(data, "best.")


def _tensors(data: Mapping[str, np.ndarray], prefix: str) -> Weights:
    return {key.removeprefix(prefix): torch.from_numpy(a) for key, a in data.items() if key.startswith(prefix)}
