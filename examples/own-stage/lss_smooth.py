"""A stage of one's own: it smooths a field of the universe with a Gaussian, into another field."""

from lss.command.console import command
from lss.config import Configuration, Table, quantity
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Field, Universe


class Smooth(Table):
    """[smooth]: which field, and how far."""

    field: str = quantity("matter", "name of a field below /fields")
    radius: float = quantity(5.0, "R of the Gaussian", "Mpc/h", gt=0)


class Config(Configuration):
    """What lss-smooth reads."""

    smooth: Smooth = quantity(Smooth(), "a smoothed field")


def run(universe: Universe, config: Config) -> Universe:
    """The universe with /fields/NAME_smooth. Raises DataError if it has no such field."""
    from lss.grid.fourier import smooth

    name, radius = config.smooth.field, config.smooth.radius
    field = universe.field(name)
    smoothed = smooth(field.value, radius, universe.box.size)
    return universe.with_field(f"{name}_smooth", Field(smoothed, field.assignment, smoothing=radius))


def plan(universe: Universe | None, config: Config) -> Plan:
    """A few grids, and no time."""
    n = universe.box.n if universe is not None else config.box.n
    return Plan(IMPORTS_BYTES + 20 * n**3, 1.0, [f"smooth /fields/{config.smooth.field}"])


main = command(
    "smooth",
    run="lss_smooth:run",
    help="Smooth a field of a universe with a Gaussian.",
    examples=["lss-ic u.toml | lss-sim --set sim.matter_grid=64 | lss-smooth --set smooth.radius=8.0 -o smooth.h5"],
)
