import numpy as np

from lss.universe import Members


def test_halos_are_picked_with_their_members():
    members = Members.of_sizes(np.array([2, 0, 3]), np.array([9, 4, 8, 1, 5]))
    assert members.index.tolist() == [4, 9, 1, 5, 8]
    chosen = members.pick(np.array([2, 0]))
    assert chosen.size.tolist() == [3, 2]
    assert chosen.index.tolist() == [1, 5, 8, 4, 9]
    assert members.pick(np.array([], np.int64)).offset.tolist() == [0]
