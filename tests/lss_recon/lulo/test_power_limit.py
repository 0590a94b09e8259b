import numpy as np
import pytest

from lss.grid import fourier
from lss.grid.fourier import filter_modes, wavenumber
from lss.physics.random_field import white_noise
from lss_recon.lulo.power_limit import FROM, OF_HALOS, WIDTH, expected_power, limit_power

N, BOX = 32, 62.5
K = wavenumber(N, BOX)


def shell_powers(noise):
    """Mean power of the modes of each shell, 1 for the prior; shells as the limit has them."""
    power = np.abs(fourier.forward(noise)) ** 2 / N**3
    weight = np.full(N // 2 + 1, 2.0)
    weight[[0, -1]] = 1
    weight = np.broadcast_to(weight, K.shape)
    edges = np.arange(FROM, K.max() + WIDTH, WIDTH)
    return np.array(
        [
            np.average(power[shell], weights=weight[shell])
            for shell in ((low < K) & (low + WIDTH >= K) for low in edges)
            if shell.any()
        ]
    )


def test_no_shell_keeps_more_power_than_the_prior():
    loud = filter_modes(white_noise(3, 0, N), np.where(K > 0.5, 1.6, 1.0))
    assert shell_powers(loud).max() > 2
    assert shell_powers(limit_power(loud, BOX)).max() < 1 + 1e-4


def test_allowed_shells_and_all_phases_are_untouched():
    quiet_above = filter_modes(white_noise(3, 0, N), np.where(K > 0.6, 0.5, 1.5))
    before, after = fourier.forward(quiet_above), fourier.forward(limit_power(quiet_above, BOX))
    allowed = (K > 0.66) | (K <= FROM)
    np.testing.assert_allclose(after[allowed], before[allowed], atol=2e-4 * np.abs(before).max())
    np.testing.assert_allclose(np.angle(after * before.conj())[1:, 1:, 1:-1], 0, atol=1e-2)


def test_a_share_of_the_power_is_taken_from_the_scales_of_halos_alone():
    full = limit_power(1.5 * white_noise(3, 0, N), BOX)
    less = limit_power(full, BOX, share=0.8)
    powers = [np.abs(fourier.forward(field)) ** 2 for field in (full, less)]
    of_halos = (OF_HALOS[0] < K) & (OF_HALOS[1] >= K)
    np.testing.assert_allclose(powers[1][~of_halos], powers[0][~of_halos], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(powers[1][of_halos], 0.8 * powers[0][of_halos], rtol=1e-2, atol=1e-2)


def test_filled_shells_have_the_power_that_is_allowed_and_large_scales_what_they_had():
    uneven = filter_modes(white_noise(3, 0, N), np.where(K > 0.6, 0.5, 1.5))
    filled = limit_power(uneven, BOX, share=0.8, fill=True)
    allowed = np.where((OF_HALOS[0] < K) & (OF_HALOS[1] >= K), 0.8, 1.0)
    of_share = fourier.inverse(fourier.forward(filled) / np.sqrt(allowed).astype(np.float32), N)
    np.testing.assert_allclose(shell_powers(of_share), 1, atol=1e-3)
    large = K <= FROM
    np.testing.assert_allclose(fourier.forward(filled)[large], fourier.forward(uneven)[large], atol=1e-2)
    still = np.zeros((N, N, N), np.float32)
    assert limit_power(still, BOX, fill=True) is still


def test_noise_below_the_limit_is_returned_as_it_is():
    quiet = 0.5 * white_noise(3, 0, N)
    assert limit_power(quiet, BOX) is quiet


def test_large_scales_may_exceed_the_prior():
    loud = filter_modes(white_noise(3, 0, N), np.where(K <= FROM, 3.0, 0.5))
    assert limit_power(loud, BOX) is loud


@pytest.mark.parametrize("n", [8, 16])
def test_limiting_twice_changes_nothing_more(n):
    once = limit_power(3 * white_noise(4, 0, n), 2.0 * n)
    np.testing.assert_allclose(limit_power(once, 2.0 * n), once, atol=1e-4)


def test_largest_scales_are_limited_by_what_an_estimate_expects_of_them():
    n, size = 64, 250.0
    k = wavenumber(n, size)
    large = (k > 0) & (k <= FROM)
    r = 0.9
    truth = white_noise(3, 0, n)
    estimate = np.float32(r**2) * truth + np.float32(r * np.sqrt(1 - r**2)) * white_noise(4, 0, n)
    expected = expected_power(estimate, np.ones_like(k), np.full_like(k, r))
    of_truth = np.abs(fourier.forward(truth)[large]) ** 2 / n**3
    assert expected[large].sum() == pytest.approx(of_truth.sum(), rel=0.1)
    loud = fourier.forward(limit_power(1.5 * truth, size, expected))
    assert (np.abs(loud[large]) ** 2).sum() / n**3 <= expected[large].sum() * (1 + 1e-4)
    untouched = fourier.forward(limit_power(np.float32(0.8) * truth, size, expected))
    np.testing.assert_allclose(untouched[large], 0.8 * fourier.forward(truth)[large], rtol=0.05, atol=1.0)
