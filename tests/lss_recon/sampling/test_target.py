"""The posterior that chains move through: its conditional forms agree with the joint one."""

import numpy as np
import torch

from lss.config import validate
from lss_recon.config import Config
from lss_recon.sampling.data import target_of
from lss_recon.sampling.target import abundances, draw_of_prior


def test_draws_of_the_prior_have_more_halos_where_there_is_more_matter(small):
    draw = np.random.default_rng(1)
    thetas = [draw_of_prior(small.bias, draw) for _ in range(20)]
    for theta in thetas:
        sparse, dense = abundances(small.bias, theta, (0.3, 3.0), (1.0,))
        assert dense > sparse
    assert torch.stack(thetas).std(dim=0).min() > 0.3 * small.bias.prior_width


def test_the_joint_density_has_the_gradients_of_both_conditional_ones(small):
    target, fitted = target_of(small.universe(), validate(Config, small.settings(), "test"))
    draw = torch.Generator().manual_seed(3)
    h = torch.randn(8**3, generator=draw)
    x = target.joined(h, fitted.theta)
    of_both, of_phases = target.both()(x), target.phases(fitted.theta)(h)
    of_bias = target.parameters(target.density(h))(torch.linalg.solve(target.factor, fitted.theta))
    in_phases, in_bias = of_both.gradient[: 8**3], of_both.gradient[8**3 :]
    assert torch.allclose(in_phases, of_phases.gradient, atol=2e-3 * float(of_phases.gradient.abs().max()))
    assert torch.allclose(in_bias.double(), of_bias.gradient, atol=1e-4 * float(of_bias.gradient.abs().max()))
    again, theta = target.apart(x)
    assert torch.equal(again, h)
    assert torch.allclose(theta, fitted.theta, atol=1e-6)
