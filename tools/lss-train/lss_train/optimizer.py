"""`model = "optimizer"`: LULO's network, from a difference of halo fields to that of the white noise behind it."""

import numpy as np

from lss.errors import DataError
from lss.features import halo_fields, mass_bins, mass_edges
from lss.fourier import smooth
from lss.nets.checkpoint import Card
from lss_train.examples import Example
from lss_train.universes import TrainingSet

COSINE_SMOOTHING = 10.0  # Mpc/h, of the cosine that LULO quotes beside the raw one


class OptimizerModel:
    """An example is a universe x_a and one of its perturbed partners x_b: (d_a - d_b, x_a - x_b)."""

    def __init__(self, universes: TrainingSet) -> None:
        halo = universes.settings.get("halo", {})
        missing = [key for key in ("mass_range", "mass_bins", "fields", "assignment") if key not in halo]
        if missing:
            raise DataError(f"the universes do not say how halo fields are made: [halo] has no {', '.join(missing)}")
        self._universes = universes
        self._edges = mass_edges(halo["mass_range"][0], halo["mass_range"][1], halo["mass_bins"])
        self._channels, self._assignment = list(halo["fields"]), halo["assignment"]
        self._first = {int(i): int(family[0]) for family in universes.families() for i in family}
        self.inputs = len(self._channels)

    def examples(self, families: list[np.ndarray]) -> list[Example]:
        """Every partner with the x_a of its family.

        Raises DataError for a family without x_a, or when there is no partner at all.
        """
        for family in families:
            if self._universes.partner[family[0]]:
                index = self._universes.index[family[0]]
                raise DataError(f"universe x_a of index {index} is missing, though its perturbed partners are there")
        pairs: list[Example] = [(int(family[0]), int(b)) for family in families for b in family[1:]]
        if not pairs:
            raise DataError("no perturbed partners among the universes; make them with [ic] partners = 5")
        return pairs

    def fields(self, i: int) -> np.ndarray:
        """The halo fields, normalised by the mean counts of x_a as a reconstruction does by its data's; white noise."""
        universes, box = self._universes, self._universes.box
        _, masses_of_a = universes.halos(self._first[i])
        reference = mass_bins(masses_of_a, self._edges)
        position, mass = universes.halos(i)
        shown = {"channels": self._channels, "assignment": self._assignment}
        fields = halo_fields(position, mass, box.n, box.size, reference, **shown)
        return np.concatenate([fields, universes.noise(i)[None]])

    def card(self) -> Card:
        """How the halo fields are made."""
        return {
            "channels": self._channels,
            "mass_edges": [float(edge) for edge in self._edges],
            "assignment": self._assignment,
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


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two fields; 0 if either vanishes."""
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm else 0.0
