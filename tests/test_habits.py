"""What users of command lines are used to works: the 25 habits of bench.comfort, one by one."""

import pytest
from bench.comfort import habits


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("habits")
    habits.prepared(folder)
    return folder


def test_there_are_25_habits():
    assert len(habits.HABITS) == 25


@pytest.mark.parametrize("name", habits.HABITS)
def test_a_habit_works(folder, name):
    assert habits.HABITS[name](folder)
