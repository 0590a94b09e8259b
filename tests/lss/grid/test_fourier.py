import numpy as np
import pytest

from lss.grid import fourier


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


def test_same_bits_for_any_thread_count(threads):
    field = random_grid(24)
    results = []
    for count in (1, 2, 5):
        threads(count)
        modes = fourier.forward(field)
        results.append((modes, fourier.inverse(modes, 24)))
    for modes, back in results[1:]:
        assert np.array_equal(modes, results[0][0])
        assert np.array_equal(back, results[0][1])


SHAPES = [(16, 16), (9, 9), (8, 8, 8)]


@pytest.mark.parametrize("shape", SHAPES)
def test_mode_counts_make_parsevals_sum(shape):
    x = np.random.default_rng(1).normal(size=shape)
    power = np.abs(np.fft.rfftn(x, norm="ortho")) ** 2
    assert (power * fourier.mode_counts(shape)).sum() == pytest.approx((x**2).sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_squared_indices_are_minus_the_laplacian_of_waves(shape):
    x = np.random.default_rng(2).normal(size=shape)
    spectrum = np.fft.fftn(x)
    full = [np.fft.fftfreq(n, 1 / n) for n in shape]
    laplacian = sum(np.square(k) for k in np.meshgrid(*full, indexing="ij")) * spectrum
    kept = laplacian[..., : shape[-1] // 2 + 1]
    np.testing.assert_allclose(fourier.squared_indices(shape) * np.fft.rfftn(x), kept, atol=1e-9)


@pytest.mark.parametrize("n", [6, 7])
def test_wavenumbers_are_those_of_the_transform(n):
    box = 30.0
    k = [np.fft.fftfreq(n) * n, np.fft.fftfreq(n) * n, np.fft.rfftfreq(n) * n]
    expected = 2 * np.pi / box * np.sqrt(k[0][:, None, None] ** 2 + k[1][None, :, None] ** 2 + k[2] ** 2)
    np.testing.assert_allclose(fourier.wavenumber(n, box), expected, rtol=1e-7)
    np.testing.assert_allclose(fourier.lattice_wavenumbers(n, box)[fourier.squared_indices((n, n, n))], expected)


@pytest.mark.parametrize("n", [8, 9])
def test_a_derivative_turns_a_wave_into_its_slope_and_has_none_at_nyquist(n):
    box = 30.0
    x = np.arange(n) * box / n
    for m in (1, 3, n // 2):
        k, wave = 2 * np.pi * m / box, np.broadcast_to(np.cos(2 * np.pi * m / box * x), (n, n, n))
        modes = fourier.forward(wave) * 1j * fourier.derivative_wavenumbers(n, box)[2]
        slope = np.zeros(n) if 2 * m == n else -k * np.sin(k * x)
        np.testing.assert_allclose(fourier.inverse(modes, n), np.broadcast_to(slope, (n, n, n)), atol=1e-12)
