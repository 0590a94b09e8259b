import io
import re
import sys
import time

import pytest

from lss.process import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def shows(self, words, seconds=10):
        """Whether the words are drawn before the time is up."""
        end = time.monotonic() + seconds
        while words not in self.text and time.monotonic() < end:
            time.sleep(0.05)
        return words in self.text

    @property
    def text(self):
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue())


@pytest.fixture
def watch(monkeypatch):
    """Call it where somebody begins to watch standard error: bars are drawn on the terminal that it returns."""

    def begin():  # in the test: before it, pytest has still to put a standard error of its own in place
        terminal = Terminal()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "stderr", terminal)
        progress.enable()
        return terminal

    yield begin
    progress.enable(False)


def test_outermost_bar_is_drawn_and_those_inside_stay_silent(watch):
    terminal = watch()
    with progress.progress("ensemble", 2) as outer, progress.progress("simulation", 9) as inner:
        inner.update(1, "nobody sees this")
        outer.update(1, "one made")
        assert terminal.shows("one made")
    assert "ensemble" in terminal.text
    assert "simulation" not in terminal.text
    assert "nobody" not in terminal.text


def test_ensemble_and_the_member_under_way_are_both_drawn_and_no_third(watch):
    terminal = watch()
    with progress.progress("ensemble", 2, shows_inner=True) as ensemble:
        for number in (1, 2):
            with progress.progress(f"member {number}", 5, done=3) as member, progress.progress("simulation", 9):
                member.update(1, f"loss {number}")
                assert terminal.shows(f"loss {number}")
            ensemble.update(1)
    assert re.search(r"member 2 .* 4/5 .*loss 2", terminal.text)
    last = terminal.text[terminal.text.rindex("ensemble") :]
    assert "2/2" in last
    assert "member" not in last, "a member that is made is taken off"
    assert "simulation" not in terminal.text


def test_steps_made_before_do_not_count_into_the_time_left(watch):
    terminal = watch()
    with progress.progress("resumed", 100, done=90):
        pass
    assert re.search(r"resumed .* 90/100 .* left -:--:--", terminal.text)


def test_nothing_is_drawn_where_nobody_watches(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    progress.enable()
    with progress.progress("ensemble", 2) as bar:
        bar.update(1)
    assert not progress.enabled()
    assert log.getvalue() == ""
