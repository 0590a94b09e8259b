import pytest

from lss_train.config import Train
from lss_train.training.schedule import Plateau, learning_rate


def test_the_rate_rises_then_falls_to_zero_like_a_cosine():
    settings = Train(learning_rate=1.0, warm_up=10)
    rates = [learning_rate(update, 100, settings, Plateau()) for update in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9]
    assert rates[50] == pytest.approx(0.5)
    assert rates[99] < 1e-3


def test_the_plateau_halves_the_rate_after_more_than_three_epochs_without_a_permille():
    plateau = Plateau()
    settings = Train(learning_rate=1.0, warm_up=0, schedule="plateau")
    for loss in (1.0, 0.9, 0.8995, 0.8994, 0.8993):
        plateau.observe(loss)
    assert learning_rate(5, 100, settings, plateau) == 1.0
    plateau.observe(0.8992)
    assert learning_rate(6, 100, settings, plateau) == 0.5
    plateau.observe(0.7)
    assert plateau.lowest == 0.7
