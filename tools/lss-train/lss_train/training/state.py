"""What a training that was stopped goes on from: weights, the best ones so far, and the moments of Adam or AdamW."""

from collections.abc import Mapping

import numpy as np
import torch

MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")  # the last of AMSGrad alone
Weights = dict[str, torch.Tensor]


def weights_of(network: torch.nn.Module) -> Weights:
    """A copy of the weights as they are now."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def as_arrays(network: torch.nn.Module, optimizer: torch.optim.Optimizer, best: Weights) -> dict[str, np.ndarray]:
    """All of it by name; there are no moments before the first update."""
    data = {f"network.{name}": tensor.cpu().numpy() for name, tensor in network.state_dict().items()}
    data |= {f"best.{name}": tensor.cpu().numpy() for name, tensor in best.items()}
    for name, parameter in network.named_parameters():
        held = optimizer.state.get(parameter, {})
        data |= {f"{moment}.{name}": held[moment].cpu().numpy() for moment in MOMENTS if moment in held}
    return data


def restore(
    data: Mapping[str, np.ndarray], network: torch.nn.Module, optimizer: torch.optim.Optimizer, updates: int
) -> Weights:
    """Bring network and optimizer to where they stood after `updates`, and return the best weights."""
    network.load_state_dict(_tensors(data, "network."))
    for name, parameter in network.named_parameters():
        if f"{MOMENTS[0]}.{name}" in data:
            held = [m for m in MOMENTS if f"{m}.{name}" in data]
            moments = {
                m: torch.empty_like(parameter).copy_(torch.from_numpy(np.asarray(data[f"{m}.{name}"]))) for m in held
            }
            optimizer.state[parameter] = {"step": torch.tensor(float(updates)), **moments}
    return _tensors(data, "best.")


def _tensors(data: Mapping[str, np.ndarray], prefix: str) -> Weights:
    """The arrays of a prefix; single numbers come back from HDF5 as such."""
    return {
        key.removeprefix(prefix): torch.from_numpy(np.asarray(a)) for key, a in data.items() if key.startswith(prefix)
    }
