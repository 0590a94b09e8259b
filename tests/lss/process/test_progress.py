import sys

import pytest

from lss.process import progress


@pytest.fixture
def watched(monkeypatch):
    """Somebody watches: bars are drawn."""
    monkeypatch.setattr(progress, "_enabled", True)
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)


def drawn():
    return [task.description for task in progress._display.tasks] if progress._display else []


def test_outermost_bar_is_drawn_and_those_inside_stay_silent(watched):
    with progress.progress("ensemble", 2), progress.progress("simulation", 9) as inner:
        inner.update(1, "nobody sees this")
        assert drawn() == ["ensemble"]
    assert drawn() == []


def test_ensemble_and_the_member_under_way_are_both_drawn_and_no_third(watched):
    with progress.progress("ensemble", 2, shows_inner=True):
        for _ in range(2):
            with progress.progress("member", 5, done=3) as member, progress.progress("simulation", 9):
                member.update(1, "loss 1")
                assert drawn() == ["ensemble", "member"]
                assert progress._display.tasks[1].completed == 4
            assert drawn() == ["ensemble"]


def test_steps_made_before_do_not_count_into_the_time_left(watched):
    with progress.progress("resumed", 100, done=90):
        assert progress._display.tasks[0].time_remaining is None
