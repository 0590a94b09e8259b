"""What an estimator is shown: fields of halos, and the smoothed linear field (see lss.learned.estimator)."""

import numpy as np

from lss import stages
from lss.config import Box
from lss.errors import DataError
from lss.grid.comparison import falls_through
from lss.grid.fourier import inverse, smooth
from lss.grid.spectra import measure
from lss.learned.estimator import Inputs, inflow
from lss.learned.scatter import scatter_table
from lss.nets.checkpoint import Card
from lss.nets.symmetries import keeping
from lss.physics.cosmology import growth_rate
from lss.physics.random_field import linear_overdensity
from lss.physics.units import hubble_flow
from lss_train.config import Train
from lss_train.data.examples import Example
from lss_train.data.universes import TrainingSet

SCALE_UNIVERSES = 8  # enough for the rms of the target, which is no more than a unit


class EstimatorModel:
    """Every universe, perturbed or not, is an example of its own."""

    def __init__(self, universes: TrainingSet, inputs: Inputs) -> None:
        self._universes = universes
        self._inputs = inputs
        self.inputs = inputs.channels
        self.symmetries = keeping(universes.survey.line_of_sight)

    def examples(self, families: list[np.ndarray]) -> list[Example]:
        """One per universe."""
        return [(int(i),) for family in families for i in family]

    def fields(self, i: int, first: int) -> np.ndarray:
        """The channels of the catalogue, then the linear field smoothed with the target's R; `first` is i itself."""
        universes, box = self._universes, self._universes.box
        channels = self._inputs.fields(*universes.halos(i), box.n, box.size, universes.velocities(i))
        target = smoothed_linear(universes, i, self._inputs.target_smoothing) / np.float32(self._inputs.target_scale)
        return np.concatenate([channels, target[None]])

    def card(self) -> Card:
        """What lss.learned.estimator needs to feed the network."""
        return self._inputs.as_card()

    def figures(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Card:
        """r(k) and the slope of the truth on the estimate, over shells, and how far it scatters about that."""
        size, scale = self._universes.box.size, np.float32(self._inputs.target_scale)
        linear = [(target * scale, estimate * scale) for target, estimate in pairs]
        scatter = scatter_table(linear, self._inputs.target_smoothing, size)
        return {**spectral_figures(pairs, self._universes.box), "scatter": scatter}

    def headline(self, figures: Card) -> str:
        """To which k the estimate follows the truth."""
        return f"k80 {figures['k80']:.3f}"


def smoothed_linear(universes: TrainingSet, i: int, radius: float) -> np.ndarray:
    """What is to be estimated: the linear overdensity at z = 0 of universe i, smoothed, (n, n, n) float32."""
    box = universes.box
    return smooth(linear_overdensity(universes.noise(i), universes.cosmology, box.size), radius, box.size)


def estimator_inputs(universes: TrainingSet, settings: Train, training: np.ndarray) -> Inputs:
    """How catalogues are to become fields; overdensities are against the mean of the training universes.

    Raises DataError if these have no halos at all, or velocities are asked for and were not kept.
    """
    box = universes.box
    volume = box.size**3 * len(training)
    masses = [universes.halos(i)[1] for i in training]
    number = sum(map(len, masses))
    if not number:
        raise DataError(f"no halos in the {len(training)} training universes: there is no density to learn from")
    edges = np.quantile(np.concatenate(masses), [1 - 0.5**i for i in range(1, settings.mass_bins)])
    in_bins = np.bincount(np.searchsorted(edges, np.concatenate(masses), side="right"), minlength=settings.mass_bins)
    targets = [smoothed_linear(universes, i, settings.target_smoothing) for i in training[:SCALE_UNIVERSES]]
    scale = dict(zip(settings.input_smoothing, settings.input_scale, strict=True))
    radii = settings.velocity_smoothing
    flow = flow_per_length(universes)
    return Inputs(
        settings.input_smoothing,
        settings.input_scale,
        settings.count_smoothing,
        tuple(scale[radius] for radius in settings.count_smoothing),
        mass_density=float(sum(mass.sum(dtype=np.float64) for mass in masses) / volume),
        number_density=number / volume,
        voxel=box.size / box.n,
        target_smoothing=settings.target_smoothing,
        target_scale=_rms(targets),
        mass_edges=tuple(edges.tolist()),
        bin_share=tuple((in_bins / number).tolist()),
        velocity_smoothing=radii,
        velocity_scale=tuple(_rms([_inflow(universes, i, flow, R) for i in training[:SCALE_UNIVERSES]]) for R in radii),
        flow=flow if radii else 0.0,
    )


def flow_per_length(universes: TrainingSet) -> float:
    """a f H of the universes' last snapshot, km/s per comoving Mpc/h: the inflow that goes with an overdensity of 1."""
    omega_m = universes.cosmology.omega_m
    scale_factor = 1 / (1 + min(stages.table("sim", universes.settings, "training set").redshifts))
    return hubble_flow(scale_factor, omega_m) * float(growth_rate(scale_factor, omega_m))


def _inflow(universes: TrainingSet, i: int, flow: float, radius: float) -> np.ndarray:
    """-div p / (a f H) of the halos of universe i, smoothed with R."""
    box, velocity = universes.box, universes.velocities(i)
    if velocity is None:
        raise DataError("[train] velocity_smoothing: the training set was exported without velocities")
    position, _ = universes.halos(i)
    per_halo = flow * len(position) / box.n**3
    return smooth(inverse(inflow(position, velocity / np.float32(per_halo), box.n, box.size), box.n), radius, box.size)


def _rms(fields: list[np.ndarray]) -> float:
    """A unit for these fields: four digits are enough."""
    return float(f"{np.sqrt(np.mean(np.square(fields), dtype=np.float64)):.4g}")


def spectral_figures(pairs: list[tuple[np.ndarray, np.ndarray]], box: Box) -> Card:
    """How well estimates follow targets, shell by shell.

    slope : of target on estimate, and correlation : r, both from powers summed over the universes; k80 : where the mean
    r(k) of the universes falls through 0.8, h/Mpc; k80_each : the same for each of them
    """
    spectra = [measure([target, estimate], box.size) for target, estimate in pairs]
    k = spectra[0].k
    truth, estimate, cross = (sum(s.power[i, j] for s in spectra) for i, j in ((0, 0), (1, 1), (0, 1)))
    each = [s.correlation(0, 1) for s in spectra]
    slope = np.divide(cross, estimate, out=np.zeros_like(cross), where=estimate > 0)
    norm = np.sqrt(truth * estimate)
    return {
        "k": _short(k),
        "slope": _short(slope),
        "correlation": _short(np.divide(cross, norm, out=np.zeros_like(cross), where=norm > 0)),
        "k80": round(falls_through(k, np.mean(each, axis=0)), 4),
        "k80_each": [round(falls_through(k, r), 4) for r in each],
    }


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
