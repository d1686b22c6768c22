"""What FERET's ground truth says of a photo, in any of its forms: name_value, XML, a list of eyes as CSU's."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from PIL import Image

from mffcn_lite.data.prepare.alignment import Eyes
from mffcn_lite.data.prepare.sources import ending, read_bytes
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.picturefiles.formats import Unusable

MAX_TRUTH = 1 << 20  # bytes of a ground truth file


def stem_of(place: str) -> str:
    """The file's name without folders and endings, in lower case."""
    name = place.rsplit("/", 1)[-1].lower().removesuffix(".bz2")
    return name.removesuffix(ending(name))


def read_truth(path: Path, stem: str) -> dict:
    """What a ground truth file, name_value or XML, says: `pose`, `subject` (five digits) and `eyes`, where it does.

    `eyes` is the person's left one and right one, as written.

    Raises:
        Unusable: if the file cannot be read.
    """
    content = read_bytes(path, MAX_TRUTH)
    values: dict[str, str] = {}
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        try:
            root = ET.fromstring(content)
        except (ET.ParseError, ValueError, LookupError) as error:
            raise Unusable("damaged ground truth") from error
        recordings = [e for e in root.iter() if _tag(e) == "recording"] or [root]
        mine = [r for r in recordings if any(stem_of(_get(e, "relative")) == stem for e in r.iter())]
        for element in (mine or recordings[:1])[0].iter():
            tag = _tag(element)
            values |= {"pose": _get(element, "name")} if tag == "pose" else {}
            values |= {"subject": _get(element, "id")} if tag == "subject" else {}
            if tag in ("lefteye", "righteye"):
                side = tag.removesuffix("eye")
                values[f"{side}_eye_coordinates"] = f"{_get(element, 'x')} {_get(element, 'y')}"
    else:
        for line in content.decode("latin-1").splitlines():
            key, equals, value = line.partition("=")
            if equals:
                values[key.strip().lower()] = value.strip()
    truth: dict = {"pose": values["pose"].lower()} if values.get("pose") else {}
    if digits := re.search(r"(\d{5})$", values.get("subject", "")):
        truth["subject"] = digits[1]
    eyes = [_numbers(values.get(f"{side}_eye_coordinates", "")) for side in ("left", "right")]
    # Two zeros stand for "not known" too.
    return truth | ({"eyes": tuple(eyes)} if all(eyes) and any(map(any, eyes)) else {})


def _tag(element: ET.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1].lower()


def _get(element: ET.Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.lower() == name), "")


def _numbers(text: str) -> tuple[float, float] | None:
    found = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)[\s,]+(-?\d+(?:\.\d+)?)\s*", text)
    return (float(found[1]), float(found[2])) if found else None


def read_coordinates(path: Path) -> dict[str, Eyes]:
    """A list of eyes as CSU's `coords.3368`: a line a photo, its name and x, y of both eyes; names in lower case.

    Raises:
        MffcnLiteError: if the file cannot be read, or holds no such line.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise MffcnLiteError(f"cannot read {path}: {error.strerror or error}") from error
    eyes = {}
    for line in lines:
        words = line.replace(",", " ").split()
        if len(words) >= 5 and all(map(_is_number, words[1:5])):
            x, y, u, v = map(float, words[1:5])
            eyes[words[0].rsplit("/", 1)[-1].split(".")[0].lower()] = ((x, y), (u, v))
    if not eyes:
        raise MffcnLiteError(f"{path} holds no line with a name and four numbers, as coords.3368 does")
    return eyes


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def find_eyes(
    picture: Image.Image, stem: str, person: str, pose: str, truths: list[Path], listed: Eyes | None, scale: float
) -> tuple[Eyes | None, str]:
    """The eyes in a photo and a warning, from its ground truth files (the first that has them) or a list.

    `scale` is this photo's size as a part of the one that the ground truth speaks of.

    Raises:
        Unusable: if the ground truth says that the photo is of another person or in another pose.
    """
    eyes, problem, warning = listed, None, ""
    for path in truths:
        try:
            truth = read_truth(path, stem)
        except Unusable as error:
            problem = error
            continue
        for key, named in (("pose", pose), ("subject", person)):
            if truth.get(key, named) != named:
                raise Unusable(f"mislabelled: the {key} is {named} by name and {truth[key]} in the ground truth")
        if "eyes" in truth:
            left, right = truth["eyes"]
            if left[0] < right[0]:
                warning = "the ground truth has the person's left eye on the left of the photo; ordered by x"
            eyes = (left, right)
            break
    if eyes is None and problem is not None:
        raise problem
    if eyes is not None:
        (a, b), (c, d) = (((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5) for x, y in eyes)
        eyes = ((a, b), (c, d))
    return eyes, warning
