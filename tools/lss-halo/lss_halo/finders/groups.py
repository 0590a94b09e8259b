"""Sets of particles, as one list with offsets."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Groups:
    """The members of group g are index[offset[g]:offset[g + 1]], ascending lattice indices.

    offset : (g + 1,) int64; index : int64
    """

    offset: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.offset) - 1

    @property
    def size(self) -> np.ndarray:
        """Particles in each group, (g,) int64."""
        return np.diff(self.offset)

    @property
    def number(self) -> np.ndarray:
        """The group of each entry of `index`, int64."""
        return np.repeat(np.arange(len(self)), self.size)


def groups_of_sizes(size: np.ndarray, index: np.ndarray) -> Groups:
    """Groups from their sizes (g,) and their members one group after the other, in any order within a group."""
    groups = Groups(np.concatenate(([0], np.cumsum(size, dtype=np.int64))), index)
    return Groups(groups.offset, index[np.lexsort((index, groups.number))])


def pick(groups: Groups, rows: np.ndarray) -> Groups:
    """The groups of these rows, in their order."""
    listed = [groups.index[groups.offset[i] : groups.offset[i + 1]] for i in rows]
    offset = np.concatenate(([0], np.cumsum(groups.size[rows], dtype=np.int64)))
    return Groups(offset, np.concatenate([np.empty(0, np.int64), *listed]))
