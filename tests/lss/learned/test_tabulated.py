"""Tables of functions of one number."""

import numpy as np
import torch

from lss.learned.tabulated import nodes, tabulate


def table(count=200):
    grid = nodes(-3, 3, count)
    return tabulate(torch.stack([torch.sin(grid), torch.exp(grid)]), -3.0, 6 / (count - 1))


def test_values_are_right_to_fourth_order():
    y = torch.from_numpy(np.random.default_rng(1).uniform(-3, 3, 500))
    errors = []
    for count in (50, 100):
        made = table(count)
        errors.append(float((made(y) - torch.sin(y)).abs().max()))
    assert errors[1] < 1e-6
    assert errors[0] / errors[1] > 12


def test_rows_are_chosen_and_gradients_are_those_of_the_interpolant():
    made = table()
    y = torch.linspace(-2.9, 2.9, 7, dtype=torch.float64, requires_grad=True)
    row = torch.tensor([0, 1, 0, 1, 1, 0, 0])
    assert torch.autograd.gradcheck(lambda a: made(a, row), (y,))
    values = torch.randn(1, 30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: tabulate(v, -3.0, 6 / 29)(y.detach()), (values,))


def test_it_is_constant_beyond_its_ends_and_keeps_what_is_not_a_number():
    ends = table()(torch.tensor([-10.0, -3.0, 3.0, 50.0, float("nan")], dtype=torch.float64))
    assert float(ends[0]) == float(ends[1])
    assert float(ends[2]) == float(ends[3])
    assert torch.isnan(ends[4])
