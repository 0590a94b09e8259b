"""Priors on the weights of the halo-mass network: small kernels, sparse dense layers, few neurons.

    alpha [ sum of w^2 over convolutions + sum of |w| over dense layers + sum over neurons of their outgoing |w|_2 ]

Biases have no prior. The last term, the group lasso, switches neurons off as a whole.
Source: Lucie-Smith et al. 2020, Eq. 7, as a term of the loss (its printed sign is that of -ln p).
"""

from typing import Any

import torch

PRUNED = 1e-3  # of the largest outgoing norm of its layer: a neuron below is off


def weight_priors(network: Any) -> torch.Tensor:
    """The bracket above, of a network with `dense` layers and, it may be, `convolutions`."""
    squares = [layer.weight.square().sum() for layer in getattr(network, "convolutions", ())]
    absolute = [layer.weight.abs().sum() for layer in network.dense]
    groups = [outgoing_norms(layer).sum() for layer in network.dense]
    return torch.stack([*squares, *absolute, *groups]).sum()


def outgoing_norms(layer: torch.nn.Linear) -> torch.Tensor:
    """The norm of the weights that each input neuron of a layer feeds into it, (inputs,)."""
    return (layer.weight.square().sum(0) + 1e-16).sqrt()


@torch.no_grad()
def pruned_neurons(network: Any) -> tuple[int, int]:
    """How many input neurons of the dense layers are off, and how many there are."""
    norms = [outgoing_norms(layer) for layer in network.dense]
    return sum(int((norm < PRUNED * norm.max()).sum()) for norm in norms), sum(norm.numel() for norm in norms)
