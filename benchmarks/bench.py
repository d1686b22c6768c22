"""Both sides of each speed claim in one run, in turn, as ratios with their spread.

    python benchmarks/bench.py          (make bench; leave the machine alone meanwhile)

Writes mffcn_lite/results/bench.json.
"""

import copy
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from mffcn_lite.checkpoint import load_model
from mffcn_lite.environment import describe_environment
from mffcn_lite.evaluation import RESULTS
from mffcn_lite.files import write_json
from mffcn_lite.losses import l2_loss
from mffcn_lite.models import MFF, MFFCN, count_multiplications

REPEATS, SHAPE = 9, (10, 1, 128, 128)
FORMATS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


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


def matmul_rate() -> float:
    """Multiplications a second of a large matrix product, the most that this machine's torch reaches."""
    a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
    seconds = time_in_turn({"product": lambda: a @ b})["product"]
    return 2048**3 / min(seconds)


def infer(model: nn.Module, x: torch.Tensor) -> Callable:
    """A forward pass, nothing kept."""

    def call():
        with torch.inference_mode():
            return model(x)

    return call


def step(model: nn.Module, x: torch.Tensor, hr: torch.Tensor) -> Callable:
    """A training step with Adam."""
    model = copy.deepcopy(model).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def call():
        optimizer.zero_grad()
        l2_loss(model(x), hr, "mean").backward()
        optimizer.step()

    return call


def bench_fusing() -> dict:
    """The shipped MFFCN as drawn against fused, in each memory format; and each one's best."""
    drawn = MFFCN(reparameterize=False)
    drawn.load_state_dict(load_model("mffcn").state_dict())
    networks = {"as drawn": drawn.eval(), "fused": drawn.fuse().eval()}
    x = torch.rand(SHAPE)
    torch.testing.assert_close(networks["fused"](x), networks["as drawn"](x), atol=1e-5, rtol=0)
    sides = {}
    for (name, network), (form, memory) in itertools.product(networks.items(), FORMATS.items()):
        placed = copy.deepcopy(network).to(memory_format=memory)
        sides[f"{name}, {form}"] = infer(placed, x.to(memory_format=memory))
    seconds = time_in_turn(sides)
    rows = [
        compare(f"forward, fused against drawn, {f}", seconds[f"as drawn, {f}"], seconds[f"fused, {f}"])
        for f in FORMATS
    ]
    best = {name: min((seconds[f"{name}, {f}"] for f in FORMATS), key=statistics.median) for name in networks}
    rows.append(compare("forward, each one's best format", best["as drawn"], best["fused"]))
    rows.append(compare("forward, drawn in default to fused in its best", seconds["as drawn, default"], best["fused"]))
    rate, count = matmul_rate(), count_multiplications(networks["fused"], SHAPE[-2:])
    share = SHAPE[0] * count / statistics.median(best["fused"]) / rate
    print(f"fused reaches {share:.0%} of the rate of a large matrix product ({2 * rate / 1e9:.0f} GFLOP/s)")
    training = {}
    for name, reparameterize in (("as drawn", False), ("fused", True)):
        network = MFFCN(reparameterize=reparameterize)
        network.load_state_dict(drawn.state_dict())
        for form, memory in FORMATS.items():
            placed = network.to(memory_format=memory)
            training[f"{name}, {form}"] = step(placed, x.to(memory_format=memory), x)
    seconds = time_in_turn(training)
    for form in FORMATS:
        rows.append(compare(f"training step, {form}", seconds[f"as drawn, {form}"], seconds[f"fused, {form}"]))
    best = {n: min((seconds[f"{n}, {f}"] for f in FORMATS), key=statistics.median) for n in networks}
    rows.append(compare("training step, each one's best format", best["as drawn"], best["fused"]))
    return {"fusing": rows, "share_of_matmul_rate": round(share, 3), "matmul_gflops": round(2 * rate / 1e9, 1)}


def bench_branches() -> list[dict]:
    """Where fusing pays: 16 maps in and out, with narrower and narrower branches; count against clock."""
    rows, x = [], torch.rand(10, 16, 128, 128)
    for branch in (16, 12, 8, 6, 5, 4, 2):
        drawn = MFF(16, 16, branch, reparameterize=False).eval()
        counted = (35 * 16 * branch + 3 * branch * 16) / (25 * 16 * 16)
        sides = {"drawn": infer(drawn, x), "fused": infer(drawn.fuse().eval(), x)}
        seconds = time_in_turn(sides)
        row = compare(
            f"MFF 16 to 16 maps, branches of {branch}, by count {counted:.2f}", seconds["drawn"], seconds["fused"]
        )
        rows.append({"branch": branch, "by_count": round(counted, 3), "fusing_pays": drawn.fusing_pays, **row})
    return rows


def main() -> None:
    """Everything, and the file."""
    environment = describe_environment()
    print(f"{environment['device']}, {environment['threads']} threads, torch {environment['torch']}")
    content = {**bench_fusing(), "branches": bench_branches(), "shape": list(SHAPE), "environment": environment}
    write_json(RESULTS / "bench.json", content)


if __name__ == "__main__":
    main()
