"""Every system on the same photos: quality, seconds, memory, weights, multiplications.

    python -m benchmarks.experiments.systems    (make results ONLY=systems; leave the machine alone meanwhile)

Writes mffcn_lite/results/systems.json. On Linux, whose /proc says how much memory a process holds.
"""

import json
import statistics
import sys
import time

import torch

from benchmarks.helpers.names import SYSTEMS
from benchmarks.helpers.results import in_a_process
from benchmarks.helpers.storing import store
from benchmarks.helpers.timing import peak_megabytes
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import downsample
from mffcn_lite.evaluation import CONSISTENCY, CONVENTION, evaluate, summarize
from mffcn_lite.models import SuperResolver, count_multiplications, count_parameters, receptive_field
from mffcn_lite.shipped import SHIPPED, shipped_names

FACTORS, BATCH, REPEATS = (2, 3, 4), 40, 5
NAMES = (*SYSTEMS, "mffcn-full")
COST = {
    "seconds": f"a photo of 112×92, from its small photo: median of {REPEATS} calls for {BATCH} photos, over {BATCH}",
    "megabytes": f"by which memory grows at its highest while {BATCH} photos are enlarged at factor 3",
    "parameters": "numbers that are stored, an MFFCN's before it is fused; of a patch system, those in its tables",
    "multiplications": "in the layers, for a photo of 112×92",
    "weights_megabytes": "of the file that is shipped",
    "mffcn": "seconds, memory and multiplications are those of the fused network",
}


def costs(name: str) -> tuple[SuperResolver, dict]:
    """(a system as it is timed, what of its cost can be counted)."""
    model = load_model(name)
    file, parameters = SHIPPED / f"{name}.safetensors", count_parameters(model)
    model = model.fuse() if model.name == "mffcn" else model
    counted = FACTORS if model.counted and parameters else ()  # interpolation has no layers
    return model, {
        "model": name,
        "parameters": parameters,
        "weights_megabytes": round(file.stat().st_size / 1e6, 3) if name in shipped_names() else 0.0,
        "receptive_field": receptive_field(model),
        "multiplications": {factor: count_multiplications(model, (112, 92), factor) for factor in counted},
    }


def measure(name: str) -> dict:
    """The cost of one system, in a process of its own."""
    hr = split_by_person(load_faces("orl"))[1][:BATCH].floats()
    (model, result), size = costs(name), tuple(hr.shape[-2:])
    result["seconds"] = {}
    small = downsample(hr, 3)
    with torch.inference_mode():
        model.upscale(small[:1], size)
        # The first large batch of this process: later ones reuse its memory.
        result["megabytes"] = peak_megabytes(lambda: model.upscale(small, size))
    for factor in FACTORS:
        small, seconds = downsample(hr, factor), []
        with torch.inference_mode():
            model.upscale(small, size)
            for _ in range(REPEATS):
                start = time.perf_counter()
                model.upscale(small, size)
                seconds.append(time.perf_counter() - start)
        result["seconds"][factor] = round(statistics.median(seconds) / BATCH, 6)
    return result


def quality(test: FaceSet) -> dict:
    """Every system on the photos, and on photos cut to 90×111."""
    systems, start = {name: load_model(name) for name in NAMES}, time.perf_counter()
    results = summarize(evaluate(systems, test, FACTORS))
    print(f"measured {len(NAMES)} systems in {time.perf_counter() - start:.0f} s", flush=True)
    # 3 divides 90 and 111: what a system loses to a grid that does not fit is not in these.
    cut = FaceSet(test.images[:, :, :111, 1:91], test.people, test.names, test.card)
    return {"results": results, "results_at_90x111": summarize(evaluate(systems, cut, (3,)))}


def main() -> None:
    """Quality first, then each system's cost alone."""
    _, test = split_by_person(load_faces("orl"))
    start = time.perf_counter()
    measured = quality(test)
    seconds = time.perf_counter() - start
    content = {
        **measured,
        "cost": [],
        "seconds_of_results": round(seconds, 1),
        "data": {"source": "orl", "split": "test", "photos": len(test), "people": test.who(), "card": test.card},
        "convention": {"psnr and ssim": CONVENTION, "consistency": CONSISTENCY, **COST},
    }
    for name in NAMES:
        content["cost"].append(json.loads(in_a_process("benchmarks.experiments.systems", name)))
        print(content["cost"][-1], flush=True)
    store("systems", content)


def probe() -> list:
    """A photo of each test person; what each system costs but for time and memory, and what it makes of the photos."""
    test, found = split_by_person(load_faces("orl"))[1][::10], []
    for name in NAMES:
        model, counted = costs(name)
        small = downsample(test.floats(), 3)
        with torch.inference_mode():
            found.append([counted, model.upscale(small, (112, 92))])
    return [quality(test), found]


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
