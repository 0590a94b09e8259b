"""What is averaged, or drawn in one panel, must stand at the same k, triangles, masses and distances."""

import numpy as np

from lss.errors import DataError
from lss.universe import Group

ABSCISSAE = frozenset({"k", "k1", "k2", "k3", "theta", "k_perp", "k_par"})
ABSCISSAE |= {"mass", "mass_low", "mass_high", "r", "r_low", "r_high", "speed", "dispersion"}


def refuse_other_abscissae(own: dict[str, Group], source: str, other: dict[str, Group], other_source: str) -> None:
    """Raises DataError naming the first column of a group that both have which differs in shape, or where it stands."""
    for path in (path for path in own if path in other and path != "slices"):  # pictures bring their own axes
        data, others = own[path].data, other[path].data
        for name in (name for name in data if name in others):
            here, there = data[name], others[name]
            if here.shape != there.shape or (name in ABSCISSAE and not np.allclose(here, there, equal_nan=True)):
                raise DataError(
                    f"{source}: {path} has {_extent(name, here)}, but {other_source} has {_extent(name, there)}"
                )


def _extent(name: str, column: np.ndarray) -> str:
    span = f" from {column.min():.4g} to {column.max():.4g}" if name in ABSCISSAE else ""
    return f"{' x '.join(map(str, column.shape))} values of {name}{span}"
