import numpy as np
from scipy.stats import kurtosis, skew

from lss.config import Cosmology
from lss.grid.fourier import smooth
from lss.grid.spectra import measure
from lss.physics.random_field import linear_overdensity, white_noise, white_noise_of
from lss_recon.lulo.one_point import RADII, gaussianise

N, BOX, COSMOLOGY = 64, 125.0, Cosmology()


def smoothed(noise, radius):
    return smooth(linear_overdensity(noise, COSMOLOGY, BOX), radius, BOX).ravel()


def skewed_noise():
    """A field whose peaks are raised and whose voids are filled, as estimates of halos have it."""
    linear = linear_overdensity(white_noise(3, 0, N), COSMOLOGY, BOX)
    low = smooth(linear, 3.0, BOX)
    return white_noise_of((linear - low + np.exp(0.6 * low)).astype(np.float32), COSMOLOGY, BOX)


def test_skewness_goes_at_every_smoothing():
    before, after = skewed_noise(), gaussianise(skewed_noise(), COSMOLOGY, BOX)
    for radius in RADII[:2]:
        assert skew(smoothed(before, radius)) > 0.4
        assert abs(skew(smoothed(after, radius))) < 0.3 * skew(smoothed(before, radius))
        assert abs(kurtosis(smoothed(after, radius))) < 0.3


def test_gaussian_field_stays_nearly_what_it_is():
    noise = white_noise(5, 0, N)
    linear, kept = (linear_overdensity(x, COSMOLOGY, BOX) for x in (noise, gaussianise(noise, COSMOLOGY, BOX)))
    spectra = measure([kept, linear], BOX)
    assert spectra.correlation(0, 1).min() > 0.99
    np.testing.assert_allclose(spectra.transfer(0, 1)[spectra.n_modes > 500], 1, atol=0.06)


def test_phases_are_kept():
    noise = skewed_noise()
    linear, kept = (linear_overdensity(x, COSMOLOGY, BOX) for x in (noise, gaussianise(noise, COSMOLOGY, BOX)))
    spectra = measure([kept, linear], BOX)
    assert spectra.correlation(0, 1)[spectra.k < 0.5].min() > 0.93
