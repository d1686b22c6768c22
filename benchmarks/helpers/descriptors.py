"""Two ways to turn a photo of a face into numbers whose distance says who is alike, for the recognition test alone.

The numbers of a face are biometric data in many laws. They are computed here from the photos of a public benchmark,
held in memory, and never stored; no command of the package identifies anybody.
"""

import hashlib
import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.recognition import distances_to_people, equal_error_rate, rank_one

# Eigenfaces (Turk and Pentland 1991): how many, whether each is divided by its spread, and the distance.
EIGENFACES = list(itertools.product((20, 40, 80, 160), (False, True), ("euclidean", "cosine")))
ENLARGED = 4  # times, before dlib looks at a photo of 92×112
CHIP = 150  # pixels: what the descriptor was trained on
RECTANGLE = (6, 32, 84, 109)  # pixels of ORL's photos: the median of dlib's detector on every eighth of them
FINDERS = ("detector", "rectangle", "photo")


def eigenfaces(gallery: np.ndarray, count: int, whiten: bool) -> Callable[[np.ndarray], np.ndarray]:
    """A function from photos N×H×W in [0, 1] to N×count numbers, the axes found on `gallery`."""
    pca = PCA(count, whiten=whiten, svd_solver="full").fit(gallery.reshape(len(gallery), -1))
    return lambda photos: pca.transform(photos.reshape(len(photos), -1))


class Deep:
    """From photos N×H×W in [0, 1] to N×128: dlib's ResNet-29, made for Euclidean distances.

    Args:
        finder: "detector" (the largest face that dlib finds, and `RECTANGLE` where it finds none, then five landmarks),
            "rectangle" (always that one, and landmarks), or "photo" (the whole photo, made square).

    Attributes:
        found: the share of the photos of the last call in which the detector found a face; None with other finders.

    Raises:
        MffcnLiteError: if dlib or its models are not installed.
    """

    def __init__(self, finder: str):
        # face_recognition_models imports pkg_resources, which is gone: its files are found without importing it.
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or importlib.util.find_spec("dlib") is None:
            raise MffcnLiteError("this needs two packages: pip install dlib-bin face_recognition_models==0.3.0")
        import dlib

        models = Path(spec.submodule_search_locations[0]) / "models"
        self.network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))
        self.landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self.detector, self.cut = dlib.get_frontal_face_detector(), dlib.get_face_chip
        self.fixed = dlib.rectangle(*[ENLARGED * side for side in RECTANGLE])
        self.finder, self.found, self.seen = finder, None, {}

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        """N×128; what was seen already in this process, as a sharp gallery is, takes no time."""
        key = hashlib.sha256(photos.tobytes()).digest()
        if key not in self.seen:
            found = []
            numbers = [self.network.compute_face_descriptor(self.chip(photo, found)) for photo in photos]
            self.seen[key] = np.array(numbers), float(np.mean(found)) if found else None
        numbers, self.found = self.seen[key]
        return numbers

    def chip(self, photo: np.ndarray, found: list[bool]) -> np.ndarray:
        """The square of `CHIP` pixels that the network sees; whether a face was found is added to `found`."""
        picture = Image.fromarray((photo.clip(0, 1) * 255).round().astype(np.uint8)).convert("RGB")
        if self.finder == "photo":
            return np.asarray(picture.resize((CHIP, CHIP), Image.Resampling.BICUBIC))
        pixels = np.asarray(picture.resize([ENLARGED * side for side in picture.size], Image.Resampling.BICUBIC))
        face = self.fixed
        if self.finder == "detector":
            faces = self.detector(pixels, 0)
            found.append(len(faces) > 0)
            face = max(faces, key=lambda face: face.area()) if faces else face
        return self.cut(pixels, self.landmarks(pixels, face), size=CHIP)


def leave_one_out(numbers: np.ndarray, people: np.ndarray, metric: str) -> tuple[float, float]:
    """(rank-1, equal error rate) where each photo of a gallery is a probe against the others."""
    apart = cdist(numbers, numbers, metric)
    np.fill_diagonal(apart, 2 * apart.max())  # never the nearest
    to_people, who = distances_to_people(apart, people)
    return float(rank_one(to_people, who, people).mean()), float(equal_error_rate(to_people, who, people)[0])


def choose_eigenfaces(gallery: np.ndarray, people: np.ndarray) -> list[dict]:
    """All of `EIGENFACES` by what they do on the sharp gallery alone, the best first: lowest equal error rate."""
    rows = []
    for count, whiten, metric in EIGENFACES:
        rank, rate = leave_one_out(eigenfaces(gallery, count, whiten)(gallery), people, metric)
        rows.append({"count": count, "whiten": whiten, "metric": metric, "rank_one": rank, "eer": rate})
    return sorted(rows, key=lambda row: row["eer"])


def choose_finder(gallery: np.ndarray, people: np.ndarray) -> list[dict]:
    """All of `FINDERS` by what they do on the sharp gallery alone, the best first."""
    rows = []
    for finder in FINDERS:
        rank, rate = leave_one_out(Deep(finder)(gallery), people, "euclidean")
        rows.append({"finder": finder, "rank_one": rank, "eer": rate})
    return sorted(rows, key=lambda row: row["eer"])
