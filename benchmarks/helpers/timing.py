"""How everything here is measured: both sides in one run, in turn, as ratios with their spread; and memory."""

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

REPEATS = 9


def time_in_turn(sides: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Seconds of each side, measured A B A B … after one call of each that does not count."""
    seconds = {name: [] for name in sides}
    for call in sides.values():
        call()
    for _ in range(repeats):
        for name, call in sides.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(title: str, slow: list[float], fast: list[float]) -> dict:
    """How many times faster `fast` is, round by round: median, lowest and highest."""
    ratios = sorted(a / b for a, b in zip(slow, fast, strict=True))
    median = statistics.median(ratios)
    print(f"{title}: {median:.2f} times (from {ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} rounds)", flush=True)
    return {"what": title, "ratio": round(median, 3), "lowest": round(ratios[0], 3), "highest": round(ratios[-1], 3)}


def _memory(key: str) -> float:
    """A line of /proc/self/status in MB: VmRSS is now, VmHWM the highest since it was last reset."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1000


def peak_megabytes(call: Callable[[], object]) -> float:
    """MB by which this process grows at its highest during `call`; on Linux."""
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    before = _memory("VmRSS")
    call()
    return round(_memory("VmHWM") - before, 1)


def peak_anonymous_megabytes(call: Callable[[], object]) -> float:
    """MB of this process's own memory at its highest during `call`, without the pages of mapped files; on Linux."""
    found, done = [_memory("RssAnon")], threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            found.append(_memory("RssAnon"))

    watcher = threading.Thread(target=look)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return max(found)
