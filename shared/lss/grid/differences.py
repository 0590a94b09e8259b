"""Derivatives on a grid by differences."""

import numpy as np

DIFFERENCE = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
"""Centred first derivative of eighth order: weights of f(x + j) - f(x - j), j = 1 .. 4."""
