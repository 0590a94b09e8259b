"""Spheres about a point of the box: the particles inside, their centre of mass, and where the mean density falls below
a threshold.

A density threshold is given as `crowding`: a sphere of radius r at that mean density holds crowding r^3 particles.
"""

import numpy as np

from lss.process.kernels import kernel
from lss_halo.finders.ascending import ascending

ITERATIONS = 30  # a centre of mass moves by less than a thousandth of the radius after some ten


@kernel
def gather(centre, radius, cells):
    """The particles within a sphere.

    centre : (3,) float64, Mpc/h in [0, box_size); radius : Mpc/h, at most box_size / 2; cells : `Cells`
    Returns rows (k,) int64, offsets from the centre (k, 3) and distances (k,) float64, in the order of the cells.
    """
    per_side, box_size, start = cells.per_side, cells.box_size, cells.start
    scale = per_side / box_size
    half = 0.5 * box_size
    low, span = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        low[axis] = int(np.floor((centre[axis] - radius) * scale))
        # Each cell once, however large the sphere.
        span[axis] = min(int(np.floor((centre[axis] + radius) * scale)) - low[axis] + 1, per_side)
    within = np.empty(span[0] * span[1] * span[2], np.int64)
    most = used = 0
    for i in range(span[0]):
        for j in range(span[1]):
            row = (((low[0] + i) % per_side) * per_side + (low[1] + j) % per_side) * per_side
            for k in range(span[2]):
                within[used] = row + (low[2] + k) % per_side
                most += start[within[used] + 1] - start[within[used]]
                used += 1
    rows = np.empty(most, np.int64)
    offset = np.empty((most, 3), np.float64)
    distance = np.empty(most, np.float64)
    inside = 0
    for cell in within:
        for row in range(start[cell], start[cell + 1]):
            squared = 0.0
            for axis in range(3):
                d = cells.position[row, axis] - centre[axis]
                if d > half:
                    d -= box_size
                elif d < -half:
                    d += box_size
                offset[inside, axis] = d
                squared += d * d
            if squared <= radius * radius:
                rows[inside] = row
                distance[inside] = np.sqrt(squared)
                inside += 1
    return rows[:inside], offset[:inside], distance[:inside]


@kernel
def settle(centre, radius, cells):
    """Move a centre (3,) float64 in place to the centre of mass of the sphere about it, until it stays.

    The fixed points are the peaks of the density smoothed with 1 - r^2 / radius^2 (mean shift; Cheng 1995).
    """
    for _ in range(ITERATIONS):
        rows, offset, _ = gather(centre, radius, cells)
        if not len(rows):
            return
        moved = 0.0
        for axis in range(3):
            step = 0.0
            for i in range(len(rows)):
                step += offset[i, axis]
            step /= len(rows)
            centre[axis] = (centre[axis] + step) % cells.box_size
            moved += step * step
        if moved < (1e-3 * radius) ** 2:
            return


@kernel
def count_to_crossing(distance, crowding, smallest):
    """How many particles the sphere holds whose mean density falls below the threshold for the first time.

    distance : ascending, Mpc/h; smallest : do not look among fewer particles, whose mean density is noise
    The particle that finds the density below the threshold is the last one that counts (AHF's convention).
    Returns the number, or the number of all and False where the density stays above.
    """
    for count in range(smallest, len(distance) + 1):
        if count < crowding * distance[count - 1] ** 3:
            return count, True
    return len(distance), False


@kernel
def sphere(centre, guess, crowding, smallest, cells):
    """The sphere about a centre whose mean density falls below the threshold.

    guess : the radius to look in first, Mpc/h
    Returns rows (k,), offsets (k, 3) and distances (k,) of its particles, by ascending distance.
    """
    radius = min(guess, 0.5 * cells.box_size)
    while True:
        rows, offset, distance = gather(centre, radius, cells)
        order = ascending(distance)
        distance = distance[order]
        count, crossed = count_to_crossing(distance, crowding, smallest)
        # Beyond the last particle the density falls too.
        if crossed or count < crowding * radius**3 or radius >= 0.5 * cells.box_size:
            chosen = order[:count]
            return rows[chosen], offset[chosen], distance[:count]
        radius = min(1.5 * radius, 0.5 * cells.box_size)
