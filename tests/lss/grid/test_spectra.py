"""Power spectra against a plain sum over modes, exact counts, windows and thread counts."""

import numpy as np
import pytest
from numpy.random import Generator
from numpy.testing import assert_allclose

from lss.errors import DataError
from lss.grid.comparison import falls_through
from lss.grid.spectra import inverse_windows, measure

BOX = 100.0


@pytest.fixture
def rng() -> Generator:
    return np.random.default_rng(5)


def plain_sum(a: np.ndarray, b: np.ndarray, box_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k, n_modes and P by numpy over every mode of the whole Fourier cube."""
    n = len(a)
    m = np.fft.fftfreq(n, 1 / n)
    length = np.sqrt(m[:, None, None] ** 2 + m[:, None] ** 2 + m**2)
    power = (np.fft.fftn(a) * np.fft.fftn(b).conj()).real * box_size**3 / n**6
    shell = np.floor(length + 0.5).astype(int)
    inside = [shell == s for s in range(1, shell.max() + 1)]
    return (
        np.array([length[s].mean() for s in inside]) * 2 * np.pi / box_size,
        np.array([s.sum() for s in inside]),
        np.array([power[s].mean() for s in inside]),
    )


@pytest.mark.parametrize("n", [12, 15, 16])
def test_spectra_equal_a_plain_sum_over_all_modes(rng, n):
    a = rng.standard_normal((n, n, n))
    b = a + rng.standard_normal((n, n, n))
    spectra = measure([a, b], BOX)
    for i, j, first, second in [(0, 0, a, a), (0, 1, a, b), (1, 1, b, b)]:
        k, n_modes, power = plain_sum(first, second, BOX)
        assert_allclose(spectra.k, k, rtol=1e-12)
        np.testing.assert_array_equal(spectra.n_modes, n_modes)
        assert_allclose(spectra.power[i, j], power, rtol=1e-10, atol=1e-10 * np.abs(power).max())


def test_single_precision_fields_agree_to_one_part_in_a_hundred_thousand(rng):
    a = rng.standard_normal((32, 32, 32)).astype(np.float32)
    _, _, power = plain_sum(a, a, BOX)
    assert_allclose(measure([a], BOX).power[0, 0], power, rtol=1e-5)


def test_every_mode_but_the_mean_is_counted_once():
    field = np.zeros((16, 16, 16), np.float32)
    assert measure([field], BOX).n_modes.sum() == 16**3 - 1


def test_shells_with_given_edges_hold_the_modes_on_their_lower_edge(rng):
    """Edges at whole multiples of 2 pi / L put |m| = 1, exactly on the edge, into the first shell."""
    field = rng.standard_normal((8, 8, 8))
    spectra = measure([field], BOX, edges=np.arange(1, 4) * 2 * np.pi / BOX)
    np.testing.assert_array_equal(spectra.n_modes, [6 + 12 + 8, 6 + 24 + 24 + 12])


def test_plane_wave_has_its_power_in_its_shell():
    x = np.arange(16) / 16
    wave = 0.3 * np.cos(2 * np.pi * 3 * x)[:, None, None] * np.ones((1, 16, 16))
    spectra = measure([wave], BOX)
    expected = np.zeros(len(spectra.k))
    expected[2] = 2 * (0.15**2) * BOX**3 / spectra.n_modes[2]
    assert_allclose(spectra.power[0, 0], expected, atol=1e-12 * BOX**3)


def test_gaussian_field_is_unbiased_with_the_expected_variance(rng):
    """White noise: <P> = cell volume, Var P = 2 P^2 / n_modes over many realisations."""
    n, count = 16, 200
    measured = [measure([rng.standard_normal((n, n, n))], BOX) for _ in range(count)]
    ratio = np.array([s.power[0, 0] for s in measured]) / (BOX / n) ** 3
    n_modes = measured[0].n_modes
    error = np.sqrt(2 / n_modes / count)
    assert np.all(np.abs(ratio.mean(0) - 1) < 4 * error)
    # Only below Nyquist: modes that are their own mirror image (Nyquist planes) have another variance.
    inside = slice(0, n // 2 - 1)
    variance = ratio.var(0, ddof=1) * n_modes / 2
    assert_allclose(variance[inside], 1, atol=4 * np.sqrt(2 / count))


def test_correlation_and_transfer_of_a_scaled_field(rng):
    a = rng.standard_normal((8, 8, 8))
    spectra = measure([2 * a, a], BOX)
    assert_allclose(spectra.correlation(0, 1), 1)
    assert_allclose(spectra.transfer(0, 1), 2)


def test_correlation_with_an_empty_field_is_zero(rng):
    spectra = measure([rng.standard_normal((8, 8, 8)), np.zeros((8, 8, 8))], BOX)
    np.testing.assert_array_equal(spectra.correlation(0, 1), 0)
    assert np.isnan(spectra.transfer(0, 1)).all()


def test_windows_are_divided_out_mode_by_mode(rng):
    """A field multiplied by its window in Fourier space comes back."""
    n = 12
    a = rng.standard_normal((n, n, n))
    w = 1 / inverse_windows(n, ["pcs"])[0]
    axis = w[np.abs(np.fft.fftfreq(n, 1 / n)).astype(int)]
    smeared = np.fft.irfftn(np.fft.rfftn(a) * axis[:, None, None] * axis[:, None] * w, (n, n, n), axes=(0, 1, 2))
    assert_allclose(measure([smeared], BOX, ["pcs"]).power, measure([a], BOX).power, rtol=1e-9)


def test_same_bits_for_any_number_of_threads(rng, threads):
    a, b = rng.standard_normal((2, 24, 24, 24)).astype(np.float32)
    threads(1)
    one = measure([a, b], BOX)
    threads(2)
    np.testing.assert_array_equal(measure([a, b], BOX).power, one.power)


@pytest.mark.parametrize(
    ("r", "expected"),
    [([0.7, 0.6, 0.5], 0.0), ([1.0, 0.9, 0.7], 2.5), ([1.0, 0.7, 0.9], 1 + 2 / 3), ([1.0, 0.9, 0.85], 3.0)],
)
def test_first_downward_crossing_is_interpolated(r, expected):
    assert falls_through(np.array([1.0, 2.0, 3.0]), np.array(r)) == pytest.approx(expected)


def test_bad_fields_are_refused_in_one_line(rng):
    a = rng.standard_normal((8, 8, 8))
    with pytest.raises(DataError, match="different grids"):
        measure([a, rng.standard_normal((6, 6, 6))], BOX)
    with pytest.raises(DataError, match="expected a cube"):
        measure([a[:4]], BOX)
    with pytest.raises(DataError, match="no mode"):
        measure([a], BOX, edges=np.array([10.0, 11.0]))
    with pytest.raises(DataError, match="unknown assignment"):
        measure([a], BOX, ["cube"])
    a[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        measure([a], BOX)
