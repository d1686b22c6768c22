"""Tables 1 and 2 on the test people, beside the paper's values, and all comparisons of the book as one family.

    python -m benchmarks.experiments.tables

Writes mffcn_lite/results/tables.json.
"""

import itertools

from benchmarks.helpers.results import load_systems
from benchmarks.helpers.storing import store
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, people_means, summarize
from mffcn_lite.statistics import compare

FACTORS, MEASURES = (2, 3, 4), ("psnr", "ssim")
# MFFCN over SRCNN, SRCNN over bicubic: the paper's order, at three factors in two measures.
PAIRS = (("mffcn", "srcnn"), ("srcnn", "bicubic"))
# Every pair of shipped systems that a chapter compares on these people: one family, so that a pair has one verdict.
FAMILY = (
    *PAIRS,
    ("mffcn", "bicubic"),
    *itertools.product(("mffcn-full",), ("srcnn", "bicubic")),  # the objective as it is printed
    *itertools.product(("mffcn",), ("wiener", "forest", "fsrcnn")),
    *itertools.product(("srcnn",), ("wiener", "forest")),
    *itertools.product(("fsrcnn", "nie"), ("srcnn",)),
    *itertools.product(("sparse", "forest"), ("wiener",)),
    *itertools.product(("ibp", "pocs"), ("bicubic", "wiener")),
)
MARGINS = {"psnr": 0.1}  # dB; where a difference is surely smaller, two systems are equal
# The paper's tables 1 and 2: system, PSNR (dB) at factors 2, 3, 4, SSIM.
PAPER = [
    {"model": "bicubic", "psnr": [32.69, 27.42, 26.41], "ssim": [0.9205, 0.8047, 0.7860]},
    {"model": "srcnn", "psnr": [37.98, 35.89, 32.68], "ssim": [0.9644, 0.9316, 0.9023]},
    {"model": "mffcn", "psnr": [39.13, 36.37, 34.45], "ssim": [0.9736, 0.9484, 0.9234]},
]


def measure(test: FaceSet) -> dict:
    """Every system on these photos."""
    per_photo = evaluate(load_systems(), test, FACTORS)
    return {
        "results": summarize(per_photo),
        "people": people_means(per_photo),
        "comparisons": compare(per_photo, FAMILY, FACTORS, MEASURES, MARGINS),
    }


def main() -> None:
    """Every system, every photo of the test people, once."""
    _, test = split_by_person(load_faces("orl"))
    content = {
        **measure(test),
        "equal_within": MARGINS,
        "paper": {"factors": FACTORS, "rows": PAPER, "data": "FERET, 128×128; its protocol is not fully stated"},
        "data": {"source": "orl", "split": "test", "photos": len(test), "people": test.who()},
        "convention": CONVENTION,
    }
    store("tables", content)


def probe() -> list:
    """A photo of each test person."""
    return [measure(split_by_person(load_faces("orl"))[1][::10])]


if __name__ == "__main__":
    main()
