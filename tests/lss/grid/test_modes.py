import numpy as np
import pytest

from lss.grid.modes import mode_counts, squared_indices

SHAPES = [(16, 16), (9, 9), (8, 8, 8)]


@pytest.mark.parametrize("shape", SHAPES)
def test_mode_counts_make_parsevals_sum(shape):
    x = np.random.default_rng(1).normal(size=shape)
    power = np.abs(np.fft.rfftn(x, norm="ortho")) ** 2
    assert (power * mode_counts(shape)).sum() == pytest.approx((x**2).sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_squared_indices_are_minus_the_laplacian_of_waves(shape):
    x = np.random.default_rng(2).normal(size=shape)
    spectrum = np.fft.fftn(x)
    full = [np.fft.fftfreq(n, 1 / n) for n in shape]
    laplacian = sum(np.square(k) for k in np.meshgrid(*full, indexing="ij")) * spectrum
    kept = laplacian[..., : shape[-1] // 2 + 1]
    np.testing.assert_allclose(squared_indices(shape) * np.fft.rfftn(x), kept, atol=1e-9)
