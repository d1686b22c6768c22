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
        self.title, self.total, self.done = title, total, 0
        self.last = self.start = time.perf_counter()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self.bar = Progress(*columns, *times, console=Console(stderr=True)) if sys.stderr.isatty() else None

    def __enter__(self) -> "Reporter":
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total)
        return self

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` of the total are done."""
        self.done = done
        if self.bar is not None:
            self.bar.update(self.task, completed=done, description=f"{self.title} {note}".strip())
        elif time.perf_counter() - self.last > PLAIN_EVERY:
            self.last = time.perf_counter()
            print(
                f"{self.title}: {done} of {self.total}, {self.seconds:.0f} s {note}".rstrip(),
                file=sys.stderr,
                flush=True,
            )

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.start

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()
