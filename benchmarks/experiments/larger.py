"""A larger MFFCN than a processor trains in an afternoon, on a GPU: a row of its own beside the tables.

    python -m benchmarks.experiments.larger    (some minutes on a GPU; days on one core)

Same people, same recipe but for the numbers in `CONFIG`, of which none was tried against another. Keeps the run in
runs/larger, goes on from there, and writes mffcn_lite/results/larger.json.
"""

import dataclasses
import tempfile
from pathlib import Path

from benchmarks.experiments.tables import FACTORS, MEASURES
from benchmarks.helpers.storing import store
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, people_means, summarize
from mffcn_lite.models import SuperResolver, count_multiplications, create_model
from mffcn_lite.statistics import compare
from mffcn_lite.training import recipe_for
from mffcn_lite.training.runs import run_training

RUN, SIZE = Path("runs/larger"), (112, 92)
ARGUMENTS = {"width": 48, "depth": 10}
CONFIG = dataclasses.replace(recipe_for("mffcn", "fast"), steps=16_000, batch=4, lr=1e-3)


def measure(model: SuperResolver, training: FaceSet, test: FaceSet) -> dict:
    """What the network costs and gains, beside bicubic and the best linear filter."""
    systems = {"bicubic": create_model("bicubic"), "wiener": create_model("wiener").fit(training), "larger": model}
    per_photo = evaluate(systems, test, FACTORS)
    return {
        "arguments": model.arguments,
        "parameters": model.card["parameters"],
        "multiplications": count_multiplications(model.fuse(), SIZE),
        "results": summarize(per_photo),
        "people": people_means(per_photo),
        "comparisons": compare(per_photo, (("larger", "bicubic"), ("larger", "wiener")), FACTORS, MEASURES),
        "convention": CONVENTION,
    }


def main() -> None:
    """Train, unless that is done; test once."""
    if not (RUN / "model.safetensors").is_file():
        run_training(RUN, "orl", "mffcn", CONFIG, arguments=ARGUMENTS, resume=(RUN / "run.json").is_file())
    model = load_model(RUN)
    content = {
        "config": dataclasses.asdict(CONFIG),
        "seconds": round(model.card["seconds"]),
        "trained_with": model.card["environment"],
    }
    store("larger", content | measure(model, *split_by_person(load_faces("orl"))))


def probe() -> list:
    """A step of the larger network, and what is made of its results on few photos."""
    training, test = split_by_person(load_faces("orl"))
    with tempfile.TemporaryDirectory() as folder:
        short = dataclasses.replace(CONFIG, steps=1, batch=1)
        run_training(f"{folder}/run", "orl", "mffcn", short, arguments=ARGUMENTS, device="cpu")
        return [measure(load_model(f"{folder}/run"), training[::8], test[::10])]


if __name__ == "__main__":
    main()
