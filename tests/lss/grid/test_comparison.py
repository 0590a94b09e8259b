import numpy as np

from lss.grid.comparison import transfer_reach


def test_the_reach_of_the_transfer_function_leaves_out_small_shells():
    k, n_modes = np.arange(1.0, 6.0), np.array([18, 60, 100, 100, 100])
    assert transfer_reach(k, np.array([3.0, 1.0, 1.05, 1.2, 1.0]), n_modes) == 3.0
    assert transfer_reach(k, np.array([3.0, 1.0, 1.05, 1.2, 1.0]), n_modes, band=0.3) == 5.0
    assert transfer_reach(k, np.array([1.0, 2.0, 1.0, 1.0, 1.0]), n_modes) == 0.0
    assert transfer_reach(k, np.ones(5), n_modes) == 5.0
