"""Every system on the same photos: quality, seconds, memory, weights, multiplications.

    python benchmarks/systems.py          (make results ONLY=systems; leave the machine alone meanwhile)

Writes mffcn_lite/results/systems.json. On Linux, whose /proc says how much memory a process holds.
"""

import json
import statistics
import subprocess
import sys
import time

import torch
from experiments import store
from timing import peak_megabytes

from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import downsample
from mffcn_lite.evaluation import CONSISTENCY, CONVENTION, evaluate, summarize
from mffcn_lite.models import count_multiplications, count_parameters, list_models, receptive_field
from mffcn_lite.models.cost import COUNTED
from mffcn_lite.shipped import SHIPPED, shipped_names

FACTORS, BATCH, REPEATS = (2, 3, 4), 40, 5
COST = {
    "seconds": f"a photo of 112×92, from its small photo: median of {REPEATS} calls for {BATCH} photos, over {BATCH}",
    "megabytes": f"by which memory grows at its highest while {BATCH} photos are enlarged at factor 3",
    "parameters": "numbers that are stored, an MFFCN's before it is fused; of a patch system, those in its tables",
    "multiplications": "in the layers, for a photo of 112×92",
    "weights_megabytes": "of the file that is shipped",
    "mffcn": "seconds, memory and multiplications are those of the fused network",
}


def measure(name: str) -> dict:
    """The cost of one system, in a process of its own."""
    hr = split_by_person(load_faces("orl"))[1][:BATCH].floats()
    model, size = load_model(name), tuple(hr.shape[-2:])
    if name == "mffcn":
        model = model.fuse()
    file = SHIPPED / f"{name}.safetensors"
    result = {
        "model": name,
        "parameters": count_parameters(load_model(name)),
        "weights_megabytes": round(file.stat().st_size / 1e6, 3) if name in shipped_names() else 0.0,
        "receptive_field": receptive_field(model),
        "seconds": {},
        "multiplications": {},
    }
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
        if name in COUNTED and result["parameters"]:  # interpolation has no layers
            result["multiplications"][factor] = count_multiplications(model, size, factor)
    return result


def main() -> None:
    """Quality first, then each system's cost alone."""
    names = list_models()
    _, test = split_by_person(load_faces("orl"))
    systems = {name: load_model(name) for name in names}
    start = time.perf_counter()
    results = summarize(evaluate(systems, test, FACTORS))
    seconds = time.perf_counter() - start
    print(f"measured {len(names)} systems in {seconds:.0f} s", flush=True)
    # 3 divides 90 and 111: what a system loses to a grid that does not fit is not in these.
    cut = FaceSet(test.images[:, :, :111, 1:91], test.people, test.names, test.card)
    content = {
        "results": results,
        "results_at_90x111": summarize(evaluate(systems, cut, (3,))),
        "cost": [],
        "seconds_of_results": round(seconds, 1),
        "data": {"source": "orl", "split": "test", "photos": len(test), "people": test.who(), "card": test.card},
        "convention": {"psnr and ssim": CONVENTION, "consistency": CONSISTENCY, **COST},
    }
    for name in names:
        command = [sys.executable, __file__, name]
        content["cost"].append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        print(content["cost"][-1], flush=True)
    store("systems", content)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
