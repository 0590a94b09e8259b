"""What needs no network: collapse with nothing learned, boosted trees, and the number of neighbours at z = 0."""

import numpy as np
import scipy.spatial

from bench.halo_mass.particles import Sample, read
from lss.learned.halo_mass import Inputs
from lss.physics.collapse_mass import first_crossing_mass, peak_patch_mass

RADII = np.arange(1.0, 9.01, 0.25)  # Mpc/h, of the spheres that may have collapsed
LATE_RADIUS = 1.4  # Mpc/h
MODELS = {"first_crossing": first_crossing_mass, "peak_patch": peak_patch_mass}


def collapse(which: str, chosen: Sample, omega_m: float, mass_range: tuple[float, float], name: str) -> np.ndarray:
    """log10 masses of "first_crossing" or "peak_patch", clipped to the range that the truth has."""
    mass = np.empty(len(chosen.points))
    for index in np.unique(chosen.universe):
        rows = chosen.universe == index
        field = MODELS[which](read(name, int(index)).linear, 50.0, omega_m, RADII.tolist())
        mass[rows] = field.ravel()[chosen.points[rows]]
    return np.log10(np.clip(mass, *mass_range))


def neighbours(chosen: Sample, name: str) -> np.ndarray:
    """ln of the number of particles within 1.4 Mpc/h at z = 0."""
    count = np.empty(len(chosen.points))
    for index in np.unique(chosen.universe):
        position, rows = read(name, int(index)).position, chosen.universe == index
        assert position is not None
        tree = scipy.spatial.cKDTree(position % 50.0, boxsize=50.0)
        count[rows] = tree.query_ball_point(position[chosen.points[rows]], LATE_RADIUS, return_length=True)
    return np.log(count)


def features(inputs: Inputs, chosen: Sample, name: str) -> np.ndarray:
    """What a perceptron of these inputs is given of the sample."""
    table = [
        inputs.features(read(name, int(index)).linear, 50.0, chosen.points[chosen.universe == index])
        for index in np.unique(chosen.universe)
    ]
    return np.concatenate(table)


def trees(inputs: Inputs, training: Sample, test: Sample, name: str) -> np.ndarray:
    """log10 masses of gradient-boosted trees on the features of these inputs."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=300, learning_rate=0.05, max_leaf_nodes=31, l2_regularization=1.0, random_state=1
    )
    model.fit(features(inputs, training, name), training.true)
    return model.predict(features(inputs, test, name))


def straight_line(x: np.ndarray, true: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Predictions at `other`, (m,) or (m, p), of the least-squares line through (x, true)."""
    columns = [np.column_stack([np.ones(len(values)), values]) for values in (x, other)]
    weights = np.linalg.lstsq(columns[0], true, rcond=None)[0]
    return columns[1] @ weights
