"""Eyes found by dlib's face detector and its five landmarks: `pip install dlib-bin face_recognition_models==0.3.0`."""

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mffcn_lite.data.prepare.alignment import Eyes
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.picturefiles.formats import Unusable

LONGEST, SMALL = 800, 400  # pixels: larger photos are made smaller to look for faces, smaller ones are enlarged
LANDMARKS = "shape_predictor_5_face_landmarks.dat"


def create_detector() -> Callable[[Image.Image], tuple[Eyes, str]]:
    """A function from a picture to the eyes of its largest face, and a warning where there are several.

    An eye is the middle of its two corners. The function raises `Unusable` where it finds no face.

    Raises:
        MffcnLiteError: if dlib or the file of its landmarks is not installed.
    """
    # face_recognition_models imports pkg_resources, which is gone: its files are found without importing it.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or importlib.util.find_spec("dlib") is None:
        raise MffcnLiteError("--detect needs two packages: pip install dlib-bin face_recognition_models==0.3.0")
    import dlib

    landmarks = Path(spec.submodule_search_locations[0]) / "models" / LANDMARKS
    if not landmarks.is_file():
        raise MffcnLiteError(f"{landmarks} is missing; install face_recognition_models==0.3.0 again")
    own = threading.local()  # a detector keeps what it is working at: each thread has one

    def find_eyes(picture: Image.Image) -> tuple[Eyes, str]:
        if not hasattr(own, "detector"):
            own.detector, own.predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(landmarks))
        shrink = max(1, max(picture.size) / LONGEST)
        small = picture.convert("RGB").resize([max(1, round(side / shrink)) for side in picture.size])
        pixels = np.asarray(small)
        faces = own.detector(pixels, int(max(picture.size) < SMALL))
        if not faces:
            raise Unusable("no face found")
        largest = max(faces, key=lambda face: face.area())
        points = own.predictor(pixels, largest).parts()
        # Corners of the eye on the right of the picture, then of the one on the left; in the whole photo's pixels.
        right, left = (
            tuple(float(((getattr(a, axis) + getattr(b, axis)) / 2 + 0.5) * shrink - 0.5) for axis in "xy")
            for a, b in (points[0:2], points[2:4])
        )
        warning = f"{len(faces)} faces; the largest is used" if len(faces) > 1 else ""
        return (left, right), warning

    return find_eyes
