"""What a person sees on standard error while something long runs."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY = 30  # seconds between lines where standard error is not a terminal


class Reporter:
    """A rich progress bar on a terminal; elsewhere a plain line every `PLAIN_EVERY` seconds."""

    def __init__(self, title: str, total: int):
        self.title, self.total, self.done, self.before = title, total, 0, 0
        self.last = self.start = time.perf_counter()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        times = (TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self.bar = Progress(*columns, *times, console=Console(stderr=True)) if sys.stderr.isatty() else None

    def __enter__(self) -> "Reporter":
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total, rate="")
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
            print(f"{self.title}: {done} of {self.total}, {times} {note}".rstrip(), file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays, above the bar where there is one."""
        if self.bar is not None:
            self.bar.console.print(text, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.start

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()
