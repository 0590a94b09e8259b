"""The short-range force: particles closer than R, each pair's attraction less that of the cloud (`lss_sim.split`).

For every cell of targets the particles that can reach it are gathered into a buffer of three float32 arrays, centred
on the cell; then each target runs over the buffer, 512 sources at a time. The inner loop has no branch: all pairs get
the Newtonian force with r held above the spline's reach h, and pairs within h are counted. Only where another particle
was that near does a second loop over the same 512 sources put the spline in place of the held force.
Limits reached: bench/RESULTS.md. Source: Springel 2005 (GADGET-2), Eq. 4, for the spline; Gadget-4 with one softening.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lss.process.kernels import kernel
from lss.process.threads import spread, threads
from lss_sim.cells import Cells
from lss_sim.split import SPLINE_REACH, cloud_polynomial

BLOCK = 512  # sources per inner loop: long enough to run at full speed, short enough that few need the second loop
FAR = np.float32(100.0)  # where the padding of a buffer sits, in units of the reach
FEW = 16  # with fewer targets it costs less to evaluate sources out of reach than to find and drop them
PAD = 32  # a buffer's length is a multiple of this: what one turn of the compiled loop takes


@dataclass(frozen=True)
class PairForce:
    """The short-range part of f = -grad lap^-1 delta.

    radius : R of the cloud, beyond which the force is zero; softening : Plummer-equivalent; both Mpc/h
    strength : force of a particle at unit distance, L^3 / (4 pi N) in (Mpc/h)^3
    """

    box_size: float
    radius: float
    softening: float
    strength: float

    def __call__(
        self, position: np.ndarray, cells: Cells, level: np.ndarray, lowest: int, stray: float, force: np.ndarray
    ) -> int:
        """Write the force on particles whose level is `lowest` or deeper; the others' columns are left as they are.

        position : (3, m) float32 in the order of `cells`; level : (m,) uint8; stray : what `Cells.enclose` returned for
        these positions
        force : (4, m) float32; three components in Mpc/h and, last, the sum over pairs of force / distance, which
        sets the length of time steps (`lss_sim.time_bins`)
        Returns the number of pairs evaluated, those out of reach included.
        """
        h = SPLINE_REACH * self.softening
        shape = np.array(
            [self.radius**2, h**2, 1 / h, *cloud_polynomial(self.radius), self.strength, self.radius], np.float32
        )
        count = len(cells.start) - 1
        parts = 1 if threads() == 1 else min(16 * threads(), count)
        edges = np.searchsorted(cells.start, np.linspace(0, position.shape[1], parts + 1)[1:-1])
        place = (cells.start, cells.low, cells.high, cells.side, self.box_size, stray)
        tasks = [
            (position, level, lowest, *place, shape, int(a), int(b), force)
            for a, b in pairwise([0, *edges, count])
            if b > a
        ]
        return sum(spread(_pair_force, tasks))


@kernel(fastmath=True)
def _pair_force(position, level, lowest, start, low, high, side, box, stray, shape, first, last, force):
    """Targets of the cells first <= c < last; returns the number of pairs evaluated."""
    strength = shape[7]
    itself = np.float32(1.0) / (shape[1] * np.sqrt(shape[1])) - shape[3]
    width = box / side
    per_width = side / box
    source = np.empty((3, 1024), np.float32)
    scratch = np.empty(1024, np.float32)
    target = np.empty(1024, np.int64)
    pairs = 0
    for cell in range(first, last):
        begin, end = start[cell], start[cell + 1]
        if end - begin > len(target):
            target = np.empty(2 * (end - begin), np.int64)
        active, lo, hi = _active_targets(position, level, lowest, begin, end, target)
        if active == 0:
            continue
        ix, iy, iz = cell // (side * side), cell // side % side, cell % side
        # Coordinates relative to the middle of the cell lose nothing, wherever in the box it is.
        cx, cy, cz = np.float32((ix + 0.5) * width), np.float32((iy + 0.5) * width), np.float32((iz + 0.5) * width)
        # The cell itself comes first and whole, so that a target's own place in the buffer is known.
        source = _with_room(source, 0, end - begin)
        filled = _append(position, begin, end, -cx, -cy, -cz, source, 0)
        x_first, x_last = _cell_range(lo[0], hi[0], shape[8] + stray, per_width)
        y_first, y_last = _cell_range(lo[1], hi[1], shape[8] + stray, per_width)
        for jx in range(x_first, x_last + 1):
            gap_x = _gap(jx * width - stray, (jx + 1) * width + stray, lo[0], hi[0])
            wx = _wrapped(jx, side)
            ox = np.float32((jx - wx) * width)
            for jy in range(y_first, y_last + 1):
                gap_y = _gap(jy * width - stray, (jy + 1) * width + stray, lo[1], hi[1])
                left = shape[0] - gap_x * gap_x - gap_y * gap_y
                if left <= 0.0:
                    continue
                wy = _wrapped(jy, side)
                oy = np.float32((jy - wy) * width)
                z_first, z_last = _cell_range(lo[2], hi[2], np.sqrt(left) + stray, per_width)
                column = (wx * side + wy) * side
                jz = z_first
                while jz <= z_last:
                    # Cells along z follow each other in memory: as many as are in reach are one run.
                    wz = _wrapped(jz, side)
                    oz = np.float32((jz - wz) * width)
                    a = b = start[column + wz]
                    shift = ox, oy, oz
                    # In a small box the cell's own image, a box length away, is within reach too.
                    in_place = ox == 0.0 and oy == 0.0 and oz == 0.0
                    while jz <= z_last and wz < side:
                        c = column + wz
                        if (in_place and c == cell) or _distance2(low[c], high[c], shift, lo, hi) >= shape[0]:
                            break
                        b = start[c + 1]
                        jz += 1
                        wz += 1
                    if a == b:
                        jz += 1
                        continue
                    source = _with_room(source, filled, b - a)
                    after = _append(position, a, b, ox - cx, oy - cy, oz - cz, source, filled)
                    if active >= FEW:
                        if after - filled > len(scratch):
                            scratch = np.empty(2 * (after - filled), np.float32)
                        span = lo[0] - cx, hi[0] - cx, lo[1] - cy, hi[1] - cy, lo[2] - cz, hi[2] - cz
                        after = _drop_far(source, filled, after, span, shape[0], scratch)
                    filled = after
        while filled % PAD != 0:
            source[0, filled] = source[1, filled] = source[2, filled] = FAR * shape[8]
            filled += 1
        for t in range(active):
            for row in range(4):
                force[row, target[t]] = 0.0
        for a in range(0, filled, BLOCK):
            b = min(a + BLOCK, filled)
            sx, sy, sz = source[0, a:b], source[1, a:b], source[2, a:b]
            for t in range(active):
                p = target[t]
                own = p - begin
                x, y, z = source[0, own], source[1, own], source[2, own]
                fx, fy, fz, stiffness, close = held_force(x, y, z, sx, sy, sz, shape)
                if a <= own < b:  # the target counts itself
                    stiffness -= itself
                    close -= np.float32(1.0)
                if close > 0.5:
                    ex, ey, ez = _spline_correction(x, y, z, sx, sy, sz, shape)
                    fx += ex
                    fy += ey
                    fz += ez
                force[0, p] += strength * fx
                force[1, p] += strength * fy
                force[2, p] += strength * fz
                force[3, p] += strength * stiffness
        pairs += active * filled
    return pairs


@kernel(fastmath=True)
def _active_targets(position, level, lowest, begin, end, target):
    """Fill `target` with the particles to evaluate; their number and the corners of the box around them."""
    big = np.float32(1e30)
    active = 0
    lx, ly, lz, hx, hy, hz = big, big, big, -big, -big, -big
    for p in range(begin, end):
        if level[p] >= lowest:
            target[active] = p
            active += 1
            x, y, z = position[0, p], position[1, p], position[2, p]
            lx, hx = min(lx, x), max(hx, x)
            ly, hy = min(ly, y), max(hy, y)
            lz, hz = min(lz, z), max(hz, z)
    return active, (lx, ly, lz), (hx, hy, hz)


@kernel
def _cell_range(low, high, reach, per_width):
    """First and last cell, not yet wrapped, that [low - reach, high + reach] touches."""
    return int(np.floor((low - reach) * per_width)), int(np.floor((high + reach) * per_width))


@kernel
def _wrapped(cell, side):
    """A cell number brought back into the box; faster than a remainder, as it hardly ever is outside."""
    while cell < 0:
        cell += side
    while cell >= side:
        cell -= side
    return cell


@kernel(fastmath=True)
def _gap(low_a, high_a, low_b, high_b):
    """Distance between two intervals, 0 where they overlap."""
    return max(0.0, max(low_a - high_b, low_b - high_a))


@kernel(fastmath=True)
def _distance2(low, high, shift, lo, hi):
    """Squared distance of the shifted box [low, high] from the box [lo, hi]."""
    x = _gap(low[0] + shift[0], high[0] + shift[0], lo[0], hi[0])
    y = _gap(low[1] + shift[1], high[1] + shift[1], lo[1], hi[1])
    z = _gap(low[2] + shift[2], high[2] + shift[2], lo[2], hi[2])
    return x * x + y * y + z * z


@kernel
def _with_room(source, filled, more):
    """The buffer, or a longer copy of it where `more` sources and the padding would not fit."""
    needed = filled + more + PAD
    if needed <= source.shape[1]:
        return source
    longer = np.empty((3, 2 * needed), np.float32)
    longer[:, :filled] = source[:, :filled]
    return longer


@kernel(fastmath=True)
def _append(position, begin, end, shift_x, shift_y, shift_z, source, filled):
    """Copy particles begin <= p < end into the buffer, shifted; returns its new length."""
    # Unsigned, because an index that might be negative keeps a loop from vectorising.
    to, of = np.uint64(filled), np.uint64(begin)
    for p in range(np.uint64(end - begin)):
        source[0, to + p] = position[0, of + p] + shift_x
        source[1, to + p] = position[1, of + p] + shift_y
        source[2, to + p] = position[2, of + p] + shift_z
    return filled + end - begin


@kernel(fastmath=True)
def _drop_far(source, begin, end, span, radius2, distance2):
    """Close the gaps that sources out of reach of the targets' box leave in the buffer; returns its new length."""
    zero = np.float32(0.0)
    lx, hx, ly, hy, lz, hz = span
    of = np.uint64(begin)
    for s in range(np.uint64(end - begin)):
        x, y, z = source[0, of + s], source[1, of + s], source[2, of + s]
        dx = max(zero, max(x - hx, lx - x))
        dy = max(zero, max(y - hy, ly - y))
        dz = max(zero, max(z - hz, lz - z))
        distance2[s] = dx * dx + dy * dy + dz * dz
    kept = of
    for s in range(np.uint64(end - begin)):
        source[0, kept] = source[0, of + s]
        source[1, kept] = source[1, of + s]
        source[2, kept] = source[2, of + s]
        kept += np.uint64(1) if distance2[s] < radius2 else np.uint64(0)
    return np.int64(kept)


@kernel(fastmath=True)
def held_force(x, y, z, sx, sy, sz, shape):
    """Force on a point from sources, with r held above h, the sum of force / distance, and how many lie within h."""
    radius2, h2 = shape[0], shape[1]
    c0, c1, c2, c3 = shape[3], shape[4], shape[5], shape[6]
    one, zero = np.float32(1.0), np.float32(0.0)
    fx, fy, fz, stiffness, close = zero, zero, zero, zero, zero
    for j in range(len(sx)):
        dx, dy, dz = sx[j] - x, sy[j] - y, sz[j] - z
        r2 = dx * dx + dy * dy + dz * dz
        inverse = one / np.sqrt(max(r2, h2))
        f = inverse * inverse * inverse - (c0 + r2 * (c1 + r2 * (c2 + r2 * c3)))
        f = f if r2 < radius2 else zero
        stiffness += f
        close += one if r2 < h2 else zero
        fx += f * dx
        fy += f * dy
        fz += f * dz
    return fx, fy, fz, stiffness, close


@kernel(fastmath=True)
def _spline_correction(x, y, z, sx, sy, sz, shape):
    """What the spline adds to the held force, from sources within h."""
    per_h = shape[2]
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    fx, fy, fz = zero, zero, zero
    for j in range(len(sx)):
        dx, dy, dz = sx[j] - x, sy[j] - y, sz[j] - z
        u2 = (dx * dx + dy * dy + dz * dz) * (per_h * per_h) + np.float32(1e-12)
        inverse = one / np.sqrt(u2)
        u = u2 * inverse
        inner = np.float32(32 / 3) + u2 * (np.float32(32.0) * u - np.float32(38.4))
        outer = np.float32(64 / 3) + u * (np.float32(-48.0) + u * (np.float32(38.4) - u * np.float32(32 / 3)))
        outer -= np.float32(1 / 15) * inverse * inverse * inverse
        f = (inner if u < half else outer) - one
        f = f if u2 < one else zero
        fx += f * dx
        fy += f * dy
        fz += f * dz
    scale = per_h * per_h * per_h
    return fx * scale, fy * scale, fz * scale
