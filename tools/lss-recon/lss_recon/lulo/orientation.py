"""The orientation that a network is shown catalogues in: one of the 48 symmetries of the cube, and a shift by voxels.

A universe turned and shifted is as good a universe, but what a network says of it differs by more than the turn: of the
estimate that ships, by one part in a hundred of its variance. Updates that always look from one side add that error up;
from another side each time, it averages out, at the price of one more look at the data. What is looked at once, the
data before the first update, is seen from several sides. In redshift space the line of sight is no axis like the
others: 16 of the 48 symmetries keep it.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from lss.grid.periodic import wrap
from lss.universe import Halos

SIDES = 8  # from which the data are seen before the first update

_AXES = tuple(permutations(range(3)))


@dataclass(frozen=True)
class Orientation:
    """New x, y, z are the old `axes`, those `mirrored` (by old axis) running backwards, moved on by `shift` voxels."""

    axes: tuple[int, ...]
    mirrored: tuple[bool, ...]
    shift: tuple[int, ...]


def orientation(n: int, line_of_sight: int | None, *key: int) -> Orientation:
    """The orientation that belongs to a key (seed, sample, update), uniform over all of a grid of n^3 voxels.

    line_of_sight : the axis along which redshifts have moved the halos, which stays where it is
    """
    # Uniform numbers of Philox are what numpy promises to keep.
    uniform = np.random.Generator(np.random.Philox(np.random.SeedSequence(key))).random(7)
    allowed = [axes for axes in _AXES if line_of_sight is None or axes[line_of_sight] == line_of_sight]
    axes = allowed[int(uniform[0] * len(allowed))]
    return Orientation(axes, tuple((uniform[1:4] < 0.5).tolist()), tuple((uniform[4:] * n).astype(int).tolist()))


def turn(halos: Halos, seen: Orientation, n: int, box_size: float) -> Halos:
    """A catalogue as it looks in an orientation: positions and, where they are known, velocities.

    n : voxels per side, in which the shift counts; box_size : Mpc/h
    """
    moved = np.where(seen.mirrored, -halos.position, halos.position) + np.multiply(seen.shift, box_size / n)
    position = wrap(moved, box_size)
    columns = {"position": position}
    if halos.known_velocity is not None:
        columns["velocity"] = np.where(seen.mirrored, -halos.velocity, halos.velocity)
    order = list(seen.axes)
    ordered = {name: np.ascontiguousarray(column[:, order]) for name, column in columns.items()}
    return dataclasses.replace(halos, columns={**halos.columns, **ordered})


def estimate_from(
    estimate: Callable[[Halos], np.ndarray], halos: Halos, seen: Orientation, n: int, box_size: float
) -> np.ndarray:
    """What an estimator, catalogue -> (n, n, n), says of a catalogue that it is shown in an orientation."""
    return turn_back(estimate(turn(halos, seen, n, box_size)), seen)


def turn_back(field: np.ndarray, seen: Orientation) -> np.ndarray:
    """The grid, (n, n, n), of what was seen in an orientation, in the universe's own."""
    grid = np.transpose(field, np.argsort(seen.axes))
    grid = np.roll(grid, [-voxels for voxels in seen.shift], axis=(0, 1, 2))
    for axis, mirrored in enumerate(seen.mirrored):
        if mirrored:
            grid = np.roll(np.flip(grid, axis), 1, axis)  # the voxel at 0 stays where it is
    return np.ascontiguousarray(grid)
