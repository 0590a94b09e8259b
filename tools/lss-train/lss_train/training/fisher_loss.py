"""What an information-maximising network is trained on: -ln det F, and a pull of the covariance to the identity."""

import math

import torch


def fisher_loss(
    summaries: torch.Tensor, derivative: torch.Tensor, strength: float, closeness: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss and ln det F of a batch.

    summaries : (n, s) at the fiducial; derivative : (p, s) of their mean
    strength : lambda, of the pull far from the identity; closeness : epsilon, the distance within which it fades
    Only det F matters to the information, and it does not change under linear maps of the summaries: the second term
    chooses among them one of unit covariance, for the numbers' sake.
    Source: Makinen et al. 2021 Eqs. 6-8.
    """
    covariance = torch.cov(summaries.T).reshape(summaries.shape[1], -1)
    inverse = torch.linalg.inv(covariance)
    information = torch.logdet(derivative @ inverse @ derivative.T)
    return coupled_pull(covariance, inverse, strength, closeness) - information, information


def coupled_pull(covariance: torch.Tensor, inverse: torch.Tensor, strength: float, closeness: float) -> torch.Tensor:
    """r L with L = |C - 1| + |C^-1 - 1| and r = lambda L / (L + exp(-alpha L))."""
    identity = torch.eye(len(covariance), device=covariance.device)
    distance = torch.linalg.norm(covariance - identity) + torch.linalg.norm(inverse - identity)
    alpha = coupling(strength, closeness)
    return strength * distance / (distance + torch.exp(-alpha * distance)) * distance


def coupling(strength: float, closeness: float) -> float:
    """alpha = -ln(epsilon (lambda - 1) + epsilon^2 / (1 + epsilon)) / epsilon: 0.953 for (10, 0.1)."""
    return -math.log(closeness * (strength - 1) + closeness**2 / (1 + closeness)) / closeness
