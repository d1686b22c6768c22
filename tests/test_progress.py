"""What a person sees while something long runs."""

import io
import sys
import threading
import warnings

import pytest

from mffcn_lite import progress
from mffcn_lite.progress import quiet


def test_a_plain_line_every_so_often_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1)
    with progress.Reporter("working", 3) as reporter:
        for done in (1, 2):
            reporter.update(done, "loss 0.5")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("working: 2 of 3, ")
    assert lines[1].endswith("loss 0.5")


def test_what_was_done_before_took_no_time_of_ours(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1)
    moments = iter([0.0, *[2.0] * 9])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(moments))
    with progress.Reporter("working", 120) as reporter:
        reporter.update(101)
    assert "101 of 120, 2 s, 0.5 a second, 38 s left" in capsys.readouterr().err


def test_silence_in_between(capsys):
    with progress.Reporter("working", 3) as reporter:
        reporter.update(1)
    assert capsys.readouterr().err == ""
    assert reporter.done == 1
    assert reporter.seconds > 0


def test_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress.Reporter("working", 3) as reporter:
        reporter.update(3, "nearly")
    assert "3/3" in sys.stderr.getvalue()


def test_threads_that_overlap_leave_the_warnings_as_they_were():
    """`warnings.catch_warnings` would leave them off here."""
    before, first, second = list(warnings.filters), threading.Event(), threading.Event()

    def early():
        with quiet:
            first.set()
            second.wait(9)

    def late():
        first.wait(9)
        with quiet:
            second.set()
            one.join(9)
            warnings.warn("still within", stacklevel=1)

    one, two = threading.Thread(target=early), threading.Thread(target=late)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        within = list(warnings.filters)
        one.start(), two.start(), one.join(9), two.join(9)
        assert warnings.filters == within
        assert not heard
        with pytest.raises(ValueError, match="out"), quiet:
            raise ValueError("out")
        assert warnings.filters == within
    assert warnings.filters == before
