"""What an optimizer is shown: differences of halo fields, and of the white noise behind them."""

import numpy as np

from lss import stages
from lss.config import Settings
from lss.errors import ConfigError, DataError
from lss.grid.fourier import smooth
from lss.halos.halo_fields import MOMENTUM, halo_fields, mass_bins, mass_edges
from lss.nets.checkpoint import Card
from lss.nets.symmetries import keeping
from lss_train.config import Train
from lss_train.data.examples import Example
from lss_train.data.universes import TrainingSet

COSINE_SMOOTHING = 10.0  # Mpc/h, of the cosine that LULO quotes beside the raw one
_OF_FIELDS = ("mass_range", "mass_bins", "fields", "assignment")


class OptimizerModel:
    """An example is two universes, x_a and one of its perturbed partners x_b by default: (d_a - d_b, x_a - x_b).

    given : [halo], what of it says how halo fields are made; the rest is as in the universes
    """

    def __init__(self, universes: TrainingSet, settings: Train, given: Settings) -> None:
        given = {key: value for key, value in _checked(given).items() if key in _OF_FIELDS}
        halo = universes.settings.get("halo", {}) | given
        missing = [key for key in _OF_FIELDS if key not in halo]
        if missing:
            raise DataError(f"the universes do not say how halo fields are made: [halo] has no {', '.join(missing)}")
        components = [name for name in halo["fields"] if name in MOMENTUM]
        if components:
            raise ConfigError(
                f"[halo] fields: {', '.join(components)}: components of a vector, which the symmetries applied in"
                " training do not rotate; an optimizer takes scalar fields"
            )
        self._universes, self._settings = universes, settings
        self._edges = mass_edges(halo["mass_range"][0], halo["mass_range"][1], halo["mass_bins"])
        self._channels, self._assignment = list(halo["fields"]), halo["assignment"]
        self.inputs = len(self._channels)
        self.symmetries = keeping(universes.survey.line_of_sight)

    def examples(self, families: list[np.ndarray]) -> list[Example]:
        """x_a with every partner of its family, or with the x_a of the next family.

        Raises DataError for a family without x_a, or when there is no pair at all.
        """
        for family in families:
            if self._universes.partner[family[0]]:
                index = self._universes.index[family[0]]
                raise DataError(f"universe x_a of index {index} is missing, but its perturbed partners are present")
        if self._settings.pairs == "independent":
            if len(families) < 2:
                raise DataError("independent pairs need at least two universes x_a: raise [train] validation")
            first = [int(family[0]) for family in families]
            return list(zip(first, first[1:] + first[:1], strict=True))
        pairs: list[Example] = [(int(family[0]), int(b)) for family in families for b in family[1:]]
        if not pairs:
            raise DataError("no perturbed partners among the universes; make them with [ic] partners = 5")
        return pairs

    def fields(self, i: int, first: int) -> np.ndarray:
        """The halo fields, by default normalised by the mean counts of x_a, as by the data's later; white noise.

        first : x_a, the first universe of the pair
        """
        universes, box = self._universes, self._universes.box
        position, mass = universes.halos(i)
        _, masses_of_a = universes.halos(first)
        reference = mass_bins(mass if self._settings.mean_counts == "own" else masses_of_a, self._edges)
        shown = {"channels": self._channels, "assignment": self._assignment}
        fields = halo_fields(position, mass, box.n, box.size, reference, **shown)
        return np.concatenate([fields, universes.noise(i)[None]])

    def card(self) -> Card:
        """How the halo fields are made."""
        return {
            "channels": self._channels,
            "mass_edges": [float(edge) for edge in self._edges],
            "assignment": self._assignment,
            **({"mean_counts": "own"} if self._settings.mean_counts == "own" else {}),
            "voxel": self._universes.box.size / self._universes.box.n,
        }

    def figures(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Card:
        """Cosines of target and estimate, raw and after smoothing both, mean and scatter over the examples."""
        size = self._universes.box.size
        raw = [cosine(target, estimate) for target, estimate in pairs]
        # Without the mean of the white noise, which moves no halo.
        smoothed = [cosine(*(smooth(f - f.mean(), COSINE_SMOOTHING, size) for f in pair)) for pair in pairs]
        return {
            "cosine": float(np.mean(raw)),
            "cosine_scatter": float(np.std(raw)),
            "cosine_smoothed": float(np.mean(smoothed)),
            "cosine_smoothed_scatter": float(np.std(smoothed)),
            "cosine_smoothing": COSINE_SMOOTHING,
        }

    def headline(self, figures: Card) -> str:
        """Both cosines."""
        return f"cosine {figures['cosine']:.3f}, {figures['cosine_smoothed']:.3f} smoothed"


def _checked(given: Settings) -> Settings:
    """[halo] as the halo finder knows it: what was set. Raises ConfigError for what it does not know."""
    checked: Settings = stages.table("halo", {"halo": given}).model_dump(mode="json", exclude_unset=True)
    return checked


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two fields; 0 if either vanishes."""
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm else 0.0
