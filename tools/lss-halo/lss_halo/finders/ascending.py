"""Sorting inside kernels: numba's own sorts take five seconds to compile, this one a fifth of a second."""

import numpy as np

from lss.process.kernels import kernel


@kernel
def ascending(keys):
    """The order (k,) int64 that sorts the keys (k,) float64; equal ones keep theirs. Bottom-up merge sort."""
    count = len(keys)
    order, merged = np.arange(count), np.empty(count, np.int64)
    width = 1
    while width < count:
        for low in range(0, count, 2 * width):
            middle, high = min(low + width, count), min(low + 2 * width, count)
            left, right = low, middle
            for k in range(low, high):
                if right == high or (left < middle and keys[order[left]] <= keys[order[right]]):
                    merged[k] = order[left]
                    left += 1
                else:
                    merged[k] = order[right]
                    right += 1
        order, merged = merged, order
        width *= 2
    return order
