"""[stats]: what is measured, and how."""

from typing import Annotated, Literal

from pydantic import model_validator

from lss.config import Assignment, Configuration, OneOf, Painting, Table, quantity
from lss.inference import Inference
from lss_stats.measures import STATISTICS


class Statistics(Table):
    """What is measured, on which grid."""

    measure: list[Annotated[str, OneOf(STATISTICS, also=("all",))]] = quantity(
        ["power", "correlation", "transfer", "mass_function", "posterior"],
        "statistics to measure; those that lack data are left out",
    )
    checkpoint: str | None = quantity(
        None, "name or path of the network that makes learned summaries", names="checkpoint"
    )
    mesh: int = quantity(0, "grid points a side for particles and halos; 0: those of the box", ge=0, multiple_of=2)
    assignment: Assignment = quantity(Painting().assignment, "how particles and halos are painted")
    interlace: bool = quantity(
        Painting().interlaced, "paint twice, half a cell apart, so that the leading aliases cancel"
    )
    deconvolve: bool = quantity(True, "divide each mode by the window of its assignment")
    k_min: float = quantity(0.0, "smallest k kept", "h/Mpc", ge=0)
    k_max: float | None = quantity(None, "largest k kept (default: the corner of the Fourier cube)", "h/Mpc", gt=0)
    line_of_sight: Literal["x", "y", "z"] = quantity("z", "axis of redshift space and of multipoles")
    triangle: tuple[float, float] = quantity((0.1, 1.0), "k1 and k2 of the bispectra against angle", "h/Mpc")
    angles: int = quantity(15, "number of angles between k1 and k2, from 0 to pi", ge=2)
    equilateral: int = quantity(15, "number of equilateral triangles, logarithmic up to 2/3 of Nyquist", ge=2)
    resolved: int = quantity(130, "least number of particles of a halo in halo bispectra and velocities", ge=0)
    mass_range: tuple[float, float] = quantity((1e13, 2e15), "range of the mass function", "Msun/h")
    mass_bins: int = quantity(20, "logarithmic bins of the mass function", ge=1)
    separations: tuple[float, float] = quantity((1.0, 40.0), "range of xi(r)", "Mpc/h")
    separation_bins: int = quantity(16, "logarithmic bins of xi(r)", ge=1)
    slice_thickness: float = quantity(10.0, "thickness of the slices shown", "Mpc/h", gt=0)
    slice_smoothing: float = quantity(10.0, "Gaussian smoothing R of the initial field in slices", "Mpc/h", ge=0)

    @model_validator(mode="after")
    def _ranges_ascend(self) -> "Statistics":
        for name in ("mass_range", "separations"):
            low, high = getattr(self, name)
            if not 0 < low < high:
                raise ValueError(f"{name} = [{low:g}, {high:g}]: expected two increasing positive numbers")
        if self.k_max is not None and self.k_max <= self.k_min:
            raise ValueError(f"k_max = {self.k_max:g} does not exceed k_min = {self.k_min:g}")
        if min(self.triangle) <= 0:
            raise ValueError(f"triangle = {list(self.triangle)}: both sides must be positive")
        return self

    def wants(self, *names: str) -> bool:
        """Whether any of these statistics is asked for."""
        return "all" in self.measure or any(name in self.measure for name in names)


class Config(Configuration):
    """What lss-stats reads."""

    inference: Inference = quantity(Inference(), "what is inferred, for summaries and information")
    stats: Statistics = quantity(Statistics(), "statistics")
