import numpy as np
import pytest

from lss.grid import fourier
from lss.process import threads


def random_grid(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n, n)).astype(np.float32)


@pytest.mark.parametrize("n", [4, 9, 16, 20])
def test_inverse_undoes_forward_in_single_precision(n):
    field = random_grid(n)
    modes = fourier.forward(field)
    back = fourier.inverse(modes, n)
    assert modes.dtype == np.complex64
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, field, atol=2e-6)


def test_a_plane_wave_sits_at_its_wavenumber():
    n, box = 16, 50.0
    x = np.arange(n) * box / n
    wave = np.cos(2 * np.pi / box * (3 * x[:, None, None] - 2 * x[None, :, None] + 5 * x[None, None, :]))
    modes = np.abs(fourier.forward(wave.astype(np.float32)))
    i, j, k = np.unravel_index(np.argmax(modes), modes.shape)
    kx, ky, kz = fourier.wavenumbers(n, box)
    np.testing.assert_allclose([kx[i, 0, 0], ky[0, j, 0], kz[0, 0, k]], np.array([3, -2, 5]) * 2 * np.pi / box)


def test_smoothing_damps_a_wave_by_the_gaussian():
    n, box, radius = 16, 40.0, 3.0
    k = 2 * 2 * np.pi / box
    wave = np.broadcast_to(np.cos(k * np.arange(n) * box / n), (n, n, n)).astype(np.float32)
    smoothed = fourier.smooth(wave, radius, box)
    np.testing.assert_allclose(smoothed, wave * np.exp(-0.5 * (k * radius) ** 2), atol=1e-6)
    assert fourier.smooth(wave, 0.0, box) is wave


def test_same_bits_for_any_thread_count(monkeypatch):
    field = random_grid(24)
    results = []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads, "_count", count)
        modes = fourier.forward(field)
        results.append((modes, fourier.inverse(modes, 24)))
    for modes, back in results[1:]:
        assert np.array_equal(modes, results[0][0])
        assert np.array_equal(back, results[0][1])
