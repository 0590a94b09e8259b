import pytest
import torch

from lss.nets.symmetries import keeping
from lss_train.training.unet_loop import LOSSES, batches, cosine_loss


def test_the_hybrid_loss_sees_length_and_direction():
    target = torch.randn(2, 1, 4, 4, 4)
    power = target.square().mean().item()
    assert LOSSES["hybrid"](3 * target, target).item() == pytest.approx(4 * power, rel=1e-5)
    assert LOSSES["hybrid"](-target, target).item() == pytest.approx(4 * power + 2, rel=1e-5)


def test_an_epoch_shows_every_example_once_and_follows_from_its_number():
    examples = [(i,) for i in range(7)]
    shown = [example for batch in batches(examples, 3, seed=1, epoch=4, symmetries=range(48)) for example, _ in batch]
    assert sorted(shown) == examples
    assert [len(batch) for batch in batches(examples, 3, seed=1, epoch=4, symmetries=range(48))] == [3, 3, 1]
    fourth = batches(examples, 3, 1, 4, range(48))
    assert fourth == batches(examples, 3, 1, 4, range(48)) != batches(examples, 3, 1, 5, range(48))
    few = batches(examples, 3, 1, 4, keeping(2))
    assert {symmetry for batch in few for _, symmetry in batch} <= set(keeping(2))


def test_the_cosine_loss_ignores_the_length_of_the_estimate():
    target = torch.randn(2, 1, 4, 4, 4)
    assert cosine_loss(5 * target, target).item() == pytest.approx(0, abs=1e-6)
    assert cosine_loss(-target, target).item() == pytest.approx(2, abs=1e-6)
