"""Folders of photos in the formats of FERET and LFW, made of ORL faces at known places, angles and scales."""

import bz2
import io

import numpy as np
from PIL import Image

# Where the eyes of the photo s1/1 are, by eye; which point is followed does not matter, as long as it is known.
FACE_EYES = ((30.0, 48.0), (62.0, 50.0))
SIZE = (512, 768)


def on_canvas(face, centre=(256.0, 360.0), distance=110.0, degrees=0.0, size=SIZE, mark=False):
    """(picture, eyes): `face` (H×W) turned and scaled so that its eyes have this distance, angle and middle.

    With `mark`, a bright blob is painted at each eye, on a dark picture, so that it can be found again.
    """
    turn = distance * np.exp(1j * np.radians(degrees))
    a, b = complex(*centre) - turn / 2, complex(*centre) + turn / 2
    eyes = ((a.real, a.imag), (b.real, b.imag))
    if mark:
        y, x = np.mgrid[: size[1], : size[0]]
        radius = distance / 12
        blobs = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * radius**2)) for u, v in eyes)
        return Image.fromarray((20 + 200 * blobs).clip(0, 255).astype(np.uint8)).convert("RGB"), eyes
    (c, d), face = (complex(*eye) for eye in FACE_EYES), Image.fromarray(face)
    back = (d - c) / (b - a)
    shift = c - back * a + 0.5 - back * (0.5 + 0.5j) + 0.5j  # from pixel centres to PIL's corners
    matrix = (back.real, -back.imag, shift.real, back.imag, back.real, shift.imag)
    moved = face.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=90)
    return moved.convert("RGB"), eyes


def packed(picture, kind="PPM", bz=True):
    """The picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, format=kind)
    return bz2.compress(buffer.getvalue()) if bz else buffer.getvalue()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def name_value(stem, eyes, swapped=False):
    """A ground truth file: "left" is the person's left, on the right of the picture."""
    left, right = ((0.0, 0.0), (0.0, 0.0)) if eyes is None else eyes if swapped else eyes[::-1]
    lines = [f"relative=data/images/{stem[:5]}/{stem}.ppm.bz2", f"subject=cfrS{stem[:5]}", "capture_date=08/31/1993"]
    lines += [f"pose={stem[13:15]}", "yaw=0", "glasses=No"]
    if eyes is not None:
        lines += [f"left_eye_coordinates={left[0]:g} {left[1]:g}", f"right_eye_coordinates={right[0]:g} {right[1]:g}"]
    return "\n".join(lines) + "\n"


def xml(stem, eyes):
    """The same as XML."""
    right, left = eyes
    return f"""<?xml version="1.0"?><Recordings><Recording id="cfrR1"><URL root="Disc1" relative="data/{stem}.ppm.bz2"/>
<CaptureDate>08/31/1993</CaptureDate><Subject id="cfrS{stem[:5]}"><Application><Face><Pose name="{stem[13:15]}"
yaw="0" pitch="0" roll="0"/><LeftEye x="{left[0]:g}" y="{left[1]:g}"/><RightEye x="{right[0]:g}" y="{right[1]:g}"/>
</Face></Application></Subject></Recording></Recordings>"""


def disc(root, stem):
    """Where a colour photo lies: subjects below 740 on the first disc."""
    return root / ("dvd1" if int(stem[:5]) < 740 else "dvd2") / "data"


def add_color(root, stem, picture, eyes, truth="name_value", bz=True, **options):
    """A colour photo with its ground truth; where the photo lies."""
    data = disc(root, stem)
    if truth == "name_value":
        write(data / "ground_truths/name_value" / stem[:5] / f"{stem}.txt", name_value(stem, eyes, **options))
    elif truth == "xml":
        write(data / "ground_truths/xml" / stem[:5] / f"{stem}.xml", xml(stem, eyes))
    return write(data / "images" / stem[:5] / (f"{stem}.ppm" + ".bz2" * bz), packed(picture, bz=bz))


def feret_tree(root, faces, people=5, size=(256, 384), first=1):
    """A colour tree: `people` with fa and fb of two days and a profile, at various places; {stem: eyes}."""
    rng, known = np.random.default_rng(first), {}
    for person in range(first, first + people):
        for k, pose in enumerate(("fa", "fb", "fa", "hl")):
            stem = f"{person:05d}_93083{k // 2}_{pose}" + ("_a" if k == 2 else "")
            centre = (rng.uniform(110, 140), rng.uniform(170, 200))
            face = faces.images[(person * 10 + k) % len(faces), 0]
            picture, eyes = on_canvas(face, centre, rng.uniform(45, 70), rng.uniform(-9, 9), size)
            add_color(root, stem, picture, eyes)
            known[stem] = eyes
    return known
