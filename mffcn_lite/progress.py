"""What a person sees on standard error while something long runs. It never ends what runs."""

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

PLAIN_EVERY = 30  # seconds between lines where standard error is not a terminal


def silence(stream: TextIO) -> None:
    """Send what is still said there nowhere: nobody reads it any more, and each later word would fail again."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def create_bar() -> "rich.progress.Progress":
    """A bar on standard error; imported here, since most commands are over before one would be seen."""
    from rich import progress
    from rich.console import Console

    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn())
    times = (progress.TimeElapsedColumn(), progress.TextColumn("left"), progress.TimeRemainingColumn())
    rate = progress.TextColumn("{task.fields[rate]}")
    return progress.Progress(*columns, rate, *times, console=Console(stderr=True))


@contextlib.contextmanager
def unharmed() -> Iterator[None]:
    """Speak on standard error, for as long as somebody listens."""
    try:
        yield
    except (OSError, ValueError):  # its reader left, its disk is full, or it is closed
        silence(sys.stderr)


def say(text: str) -> None:
    """A line on standard error."""
    with unharmed():
        print(text, file=sys.stderr, flush=True)


class Quiet:
    """Within it, in any thread, nobody is warned. `warnings.catch_warnings` is not for threads: where two overlap, what
    the first has set is put back by the second, for ever.
    """

    def __init__(self):
        self.lock, self.within, self.catcher = threading.Lock(), 0, None

    def __enter__(self) -> None:
        with self.lock:
            if not self.within:
                self.catcher = warnings.catch_warnings(action="ignore")
                self.catcher.__enter__()
            self.within += 1

    def __exit__(self, *_) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self.catcher.__exit__(None, None, None)


quiet = Quiet()


def printable(text: str) -> str:
    """`text` without what a terminal would obey: as Python writes it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Reporter:
    """A rich progress bar on a terminal; elsewhere a plain line every `PLAIN_EVERY` seconds."""

    def __init__(self, title: str, total: int):
        self.title, self.total, self.done, self.before = title, total, 0, 0
        self.last = self.start = time.perf_counter()
        self.bar = create_bar() if sys.stderr.isatty() else None

    def __enter__(self) -> "Reporter":
        if self.bar is not None:
            self.task = self.bar.add_task(self.title, total=self.total, rate="")
            with unharmed():
                self.bar.start()
        return self

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` of the total are done. What was done before the first call, by another run, took no time."""
        if self.done == 0 and done > 1:
            self.before = done - 1
            if self.bar is not None:
                self.bar.reset(self.task, total=self.total, completed=self.before)
        self.done = done
        rate = (done - self.before) / max(self.seconds, 1e-9)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, rate=f"{rate:.1f}/s", description=f"{self.title} {note}".strip())
        elif time.perf_counter() - self.last > PLAIN_EVERY:
            self.last = time.perf_counter()
            times = f"{self.seconds:.0f} s, {rate:.1f} a second, {(self.total - done) / rate:.0f} s left"
            self.say(f"{self.title}: {done} of {self.total}, {times} {note}".rstrip())

    def say(self, text: str) -> None:
        """A line that stays, above the bar where there is one."""
        if self.bar is None:
            say(text)
            return
        with unharmed():
            self.bar.console.print(text, highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.start

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            with unharmed():
                self.bar.stop()
