"""What fusing MFF brings.

    python -m benchmarks.speed.bench_fusing    (make bench; leave the machine alone meanwhile)

Writes mffcn_lite/results/bench_fusing.json.
"""

import copy
import itertools
import statistics
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.helpers.storing import store
from benchmarks.helpers.timing import compare, time_in_turn
from mffcn_lite.checkpoint import load_model
from mffcn_lite.losses import l2_loss
from mffcn_lite.models import MFF, MFFCN, count_multiplications
from mffcn_lite.provenance import describe_environment

SHAPE = (10, 1, 128, 128)
FORMATS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


def matmul_rate(dtype: torch.dtype = torch.float32) -> float:
    """Multiplications a second of a large matrix product, the most that this machine's torch reaches."""
    a, b = torch.rand(2, 2048, 2048, dtype=dtype)
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


def compiled(model: nn.Module, x: torch.Tensor) -> nn.Module | None:
    """`model` compiled for inference in its best memory format, or None where there is no C++ compiler."""
    model = torch.compile(copy.deepcopy(model).to(memory_format=torch.channels_last), options={"freezing": True})
    try:
        infer(model, x)()
    except Exception as error:  # whatever the compiler's chain raises
        print(f"not measured compiled: {type(error).__name__}")
        return None
    return model


def best_of(seconds: dict[str, list[float]], name: str) -> list[float]:
    """The fastest of the ways in which `name` was run."""
    return min((values for key, values in seconds.items() if key.startswith(f"{name}, ")), key=statistics.median)


def bench_fusing() -> dict:
    """The shipped MFFCN as drawn against fused, in each memory format and compiled; and each one's best."""
    drawn = MFFCN(reparameterize=False)
    drawn.load_state_dict(load_model("mffcn").state_dict())
    networks = {"as drawn": drawn.eval(), "fused": drawn.fuse().eval()}
    x = torch.rand(SHAPE)
    torch.testing.assert_close(networks["fused"](x), networks["as drawn"](x), atol=1e-5, rtol=0)
    sides, last = {}, x.to(memory_format=torch.channels_last)
    for name, network in networks.items():
        for form, memory in FORMATS.items():
            placed = copy.deepcopy(network).to(memory_format=memory)
            sides[f"{name}, {form}"] = infer(placed, x.to(memory_format=memory))
        if (faster := compiled(network, last)) is not None:
            sides[f"{name}, compiled"] = infer(faster, last)
    seconds = time_in_turn(sides)
    ways = [key.removeprefix("fused, ") for key in sides if key.startswith("fused, ")]
    rows = [compare(f"forward, {way}", seconds[f"as drawn, {way}"], seconds[f"fused, {way}"]) for way in ways]
    best = best_of(seconds, "fused")
    rows.append(compare("forward, each one's best", best_of(seconds, "as drawn"), best))
    from_default = seconds["as drawn, default"]
    rows.append(compare("forward, drawn in the default format, fused at its best", from_default, best))
    rate = matmul_rate()
    counts = {name: SHAPE[0] * count_multiplications(network, SHAPE[-2:]) for name, network in networks.items()}
    share = counts["fused"] / statistics.median(best) / rate
    by_count = counts["as drawn"] / counts["fused"]
    print(f"fused at its best reaches {share:.0%} of the rate of a large matrix product ({2e-9 * rate:.0f} GFLOP/s)")
    print(f"as drawn it has {by_count:.2f} times as many multiplications: so much is to be gained at equal rates")
    sides = {}
    for name, reparameterize in (("as drawn", False), ("fused", True)):
        network = MFFCN(reparameterize=reparameterize)
        network.load_state_dict(drawn.state_dict())
        for form, memory in FORMATS.items():
            sides[f"{name}, {form}"] = step(network.to(memory_format=memory), x.to(memory_format=memory), x)
    seconds = time_in_turn(sides)
    for form in FORMATS:
        rows.append(compare(f"training step, {form}", seconds[f"as drawn, {form}"], seconds[f"fused, {form}"]))
    rows.append(compare("training step, each one's best", best_of(seconds, "as drawn"), best_of(seconds, "fused")))
    return {
        "fusing": rows,
        "multiplications_drawn_to_fused": round(by_count, 3),
        "share_of_matmul_rate": round(share, 3),
        "matmul_gflops": round(2e-9 * rate, 1),
    }


def bench_branches() -> list[dict]:
    """Where fusing an MFF pays: by its width and the width of its branches; count against clock."""
    rows = []
    for width, photos in ((16, 10), (32, 5), (64, 2)):
        for branch, (form, memory) in itertools.product((width, width // 2, width // 3, width // 8), FORMATS.items()):
            x = torch.rand(photos, width, 128, 128).to(memory_format=memory)
            drawn = MFF(width, width, branch, reparameterize=False).to(memory_format=memory)
            trained_fused = copy.deepcopy(drawn)
            trained_fused.reparameterize = True
            counted = (35 * branch + 3 * branch) / (25 * width)
            title = f"MFF of {width} maps, branches of {branch}, {form}, by count {counted:.2f}"
            seconds = time_in_turn(
                {
                    "drawn": infer(drawn.eval(), x),
                    "fused": infer(drawn.fuse().eval(), x),
                    "drawn step": step(drawn, x, x),
                    "fused step": step(trained_fused, x, x),
                },
                repeats=5,
            )
            case = {"width": width, "branch": branch, "format": form, "by_count": round(counted, 3)}
            case["fusing_pays"] = drawn.fusing_pays
            case["forward"] = compare(f"{title}, forward", seconds["drawn"], seconds["fused"])
            case["step"] = compare(f"{title}, step", seconds["drawn step"], seconds["fused step"])
            rows.append(case)
    return rows


def main() -> None:
    """Everything, and the file."""
    environment = describe_environment()
    print(f"{environment['device']}, {environment['threads']} threads, torch {environment['torch']}")
    content = {**bench_fusing(), "branches": bench_branches(), "shape": list(SHAPE)}
    store("bench_fusing", content)


def probe() -> list:
    """What is timed: both forms of the network and of a module, forward and after a step."""
    generator = torch.Generator().manual_seed(0)
    x, found = torch.rand(2, 1, 32, 28, generator=generator), []
    for reparameterize in (False, True):
        network = MFFCN(reparameterize=reparameterize)
        network.load_state_dict(load_model("mffcn").state_dict())
        call = step(network, x, x)
        call()
        found += [
            infer(network.eval(), x)(),
            count_multiplications(network.fuse(), (32, 28)),
            infer(network.fuse(), x)(),
        ]
    module = MFF(16, 16, 5, reparameterize=False)
    return [*found, module.fusing_pays, infer(module.fuse(), x.repeat(1, 16, 1, 1))().shape]


if __name__ == "__main__":
    main()
