"""How everything here is timed: both sides in one run, in turn, as ratios with their spread."""

import statistics
import time
from collections.abc import Callable

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
