"""A larger MFFCN than a processor trains in an afternoon, on a GPU: a row of its own beside the tables.

    python benchmarks/larger.py            (some minutes on a GPU; days on one core)

Same people, same recipe but for the numbers in `CONFIG`, of which none was tried against another. Keeps the run in
runs/larger, goes on from there, and writes mffcn_lite/results/larger.json.
"""

import dataclasses
from pathlib import Path

from experiments import store
from tables import FACTORS, MEASURES

from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import load_faces, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, people_means, summarize
from mffcn_lite.models import count_multiplications, create_model
from mffcn_lite.statistics import compare
from mffcn_lite.training import recipe_for
from mffcn_lite.training.runs import run_training

RUN, SIZE = Path("runs/larger"), (112, 92)
ARGUMENTS = {"width": 48, "depth": 10}
CONFIG = dataclasses.replace(recipe_for("mffcn"), steps=16_000, batch=4, lr=1e-3)


def main() -> None:
    """Train, unless that is done; test once."""
    if not (RUN / "model.safetensors").is_file():
        run_training(RUN, "orl", "mffcn", CONFIG, arguments=ARGUMENTS, resume=(RUN / "run.json").is_file())
    model = load_model(RUN)
    training, test = split_by_person(load_faces("orl"))
    systems = {"bicubic": create_model("bicubic"), "wiener": create_model("wiener").fit(training), "larger": model}
    per_photo = evaluate(systems, test, FACTORS)
    content = {
        "arguments": model.arguments,
        "parameters": model.card["parameters"],
        "multiplications": count_multiplications(model.fuse(), SIZE),
        "config": dataclasses.asdict(CONFIG),
        "seconds": round(model.card["seconds"]),
        "trained_with": model.card["environment"],
        "results": summarize(per_photo),
        "people": people_means(per_photo),
        "comparisons": compare(per_photo, (("larger", "bicubic"), ("larger", "wiener")), FACTORS, MEASURES),
        "convention": CONVENTION,
    }
    store("larger", content)


if __name__ == "__main__":
    main()
