import math

import numpy as np
import pytest
import torch

from lss_train.training.fisher_loss import coupled_pull, coupling, fisher_loss
from lss_train.training.imnn_settings import Settings


def test_the_coupling_is_the_papers():
    assert coupling(10, 0.1) == pytest.approx(0.953, abs=1e-3)


@pytest.mark.parametrize("closeness", [0.05, 0.1, 0.5])
def test_a_strength_that_would_turn_the_pull_off_is_refused(closeness):
    limit = 1 + 1 / closeness - closeness / (1 + closeness)
    assert coupling(limit, closeness) == pytest.approx(0, abs=1e-9)
    assert coupling(Settings(strength=0.999 * limit, closeness=closeness).strength, closeness) > 0
    with pytest.raises(ValueError, match=r"turns the pull off; with closeness = .* it must be below"):
        Settings(strength=1.001 * limit, closeness=closeness)


def test_the_pull_fades_at_the_identity_and_has_full_strength_far_from_it():
    identity = torch.eye(2)
    assert coupled_pull(identity, identity, 10, 0.1).item() == 0
    far = coupled_pull(100 * identity, identity / 100, 10, 0.1)
    distance = (99 + 0.99) * math.sqrt(2)
    assert far.item() == pytest.approx(10 * distance, rel=1e-4)


def test_the_pull_has_its_least_gradient_within_closeness():
    """At L = epsilon the strength r is what the definition of alpha asks for: lambda eps / (eps + exp(-alpha eps))."""
    scale = torch.tensor(1.05, requires_grad=True)
    coupled_pull(scale * torch.eye(1), torch.eye(1) / scale, 10, 0.1).backward()
    near = scale.grad.item()
    scale = torch.tensor(3.0, requires_grad=True)
    coupled_pull(scale * torch.eye(1), torch.eye(1) / scale, 10, 0.1).backward()
    assert near < 0.5 * scale.grad.item()


def test_information_is_that_of_a_linear_gaussian_model_whatever_the_summaries_units():
    random = np.random.default_rng(1)
    derivative, noise = np.array([[3.0, 1.0], [0.0, 2.0]]), random.normal(size=(20_000, 2))
    mixing = np.array([[5.0, 1.0], [2.0, 0.1]])
    found = []
    for matrix in (np.eye(2), mixing):
        _, information = fisher_loss(torch.tensor(noise @ matrix), torch.tensor(derivative @ matrix), 10, 0.1)
        found.append(information.item())
    assert found[0] == pytest.approx(2 * math.log(6), abs=0.05)
    assert found[1] == pytest.approx(found[0], rel=1e-6)
