"""Results that are averaged or drawn together must stand at the same k, triangles, masses and distances."""

import numpy as np

from lss.errors import DataError
from lss_stats.measures import statistic_of
from lss_stats.statistic import Groups


def refuse_other_abscissae(own: Groups, source: str, other: Groups, other_source: str) -> None:
    """Raises DataError naming the first column of a group that both have which differs in shape, or where it stands."""
    for path in (path for path in own if path in other):
        statistic = statistic_of(path)
        if statistic and path in statistic.pictures:
            continue
        abscissae = statistic.abscissae if statistic else frozenset()
        data, others = own[path].data, other[path].data
        for name in (name for name in data if name in others):
            here, there, fixed = data[name], others[name], name in abscissae
            if here.shape != there.shape or (fixed and not np.allclose(here, there, equal_nan=True)):
                raise DataError(
                    f"{source}: {path} has {_extent(name, here, fixed)}, "
                    f"but {other_source} has {_extent(name, there, fixed)}"
                )


def _extent(name: str, column: np.ndarray, fixed: bool) -> str:
    span = f" from {column.min():.4g} to {column.max():.4g}" if fixed else ""
    return f"{' x '.join(map(str, column.shape))} values of {name}{span}"
