"""FERET at its true size, as you will meet it: 11,338 photos on two discs, 3,122 of them frontal. Made, not real.

    python -m benchmarks.speed.bench_feret    (a quarter of an hour of a core; 2 GB of disk)

The tree has the folders, names, ground truths and sizes of NIST's discs. Its frontal photos are ORL faces enlarged to
512×768 in colour, with noise as a scanner's; a hundred are made, and each file has a first row of its own. The others
are links to one photo, since nothing opens them. Then the commands of the page "Getting FERET" run as you type them,
the training for some steps. Quality means nothing here: people share faces. Writes mffcn_lite/results/bench_feret.json.
"""

import bz2
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.helpers.storing import store
from mffcn_lite.data import load_faces
from mffcn_lite.data.prepare.feret import CARD, find_feret
from mffcn_lite.data.prepare.preparing import prepare
from mffcn_lite.data.prepare.sources import list_files

PHOTOS, FRONTAL, PEOPLE, BASES, STEPS = 11_338, 3122, 994, 100, 100
WIDTH, HEIGHT = 512, 768
SIDEWAYS = ("hl", "hr", "pl", "pr", "ql", "qr", "ra", "rb", "rc", "rd", "re")
EYES = "left_eye_coordinates=312 371\nright_eye_coordinates=202 365\n"  # 110 pixels apart, a little turned
COMMANDS = {
    "prepare": "prepare feret {root} --out {folder}/set --report {folder}/report.json --workers 1",
    "train": "train --data {folder}/set --model mffcn --out {folder}/run --steps {steps}",
    "evaluate": "evaluate --data {folder}/set --models bicubic,{folder}/run/model.safetensors",
}


def base(pixels: np.ndarray, number: int) -> bytes:
    """A photo's rows but the first, in bz2."""
    noise = np.random.default_rng(number).normal(0, 2, (HEIGHT - 1, WIDTH, 3))
    face = Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    rows = np.asarray(face, dtype=float)[1:, :, None] + noise
    return bz2.compress(rows.clip(0, 255).astype(np.uint8).tobytes())


def first_row(number: int) -> bytes:
    """A PPM's head and a first row that no other photo has, in bz2; what follows may be another stream."""
    row = np.random.default_rng(number).integers(0, 256, (WIDTH, 3), dtype=np.uint8)
    return bz2.compress(f"P6\n{WIDTH} {HEIGHT}\n255\n".encode() + row.tobytes())


def places(photos: int, frontal: int, people: int) -> list[tuple[int, str]]:
    """(person, stem) of each photo: half of the frontal ones fa and half fb, the others in turn."""
    found = []
    for i in range(photos):
        pose = ("fa", "fb")[i % 2] if i < frontal else SIDEWAYS[i % len(SIDEWAYS)]
        person, sitting = (i // 2) % people + 1, i // (2 * people)
        found.append(
            (person, f"{person:05d}_{93 + sitting // 12 % 4}{sitting % 12 + 1:02d}{i // people % 28 + 1:02d}_{pose}")
        )
    return found


def make_tree(root: Path, photos: int, frontal: int, people: int, bases: int) -> int:
    """Write the discs; the bytes of all photos together, as they would be without links."""
    faces, size = load_faces("orl"), 0
    shared = [base(faces.images[(7 * i) % len(faces), 0], i) for i in range(bases)]
    sideways = root / "sideways"
    root.mkdir()
    sideways.write_bytes(first_row(0) + shared[0])
    for i, (person, stem) in enumerate(places(photos, frontal, people)):
        data = root / ("dvd1" if person < 740 else "dvd2") / "data"
        photo = data / "images" / f"{person:05d}" / f"{stem}.ppm.bz2"
        photo.parent.mkdir(parents=True, exist_ok=True)
        if i < frontal:
            photo.write_bytes(first_row(i + 1) + shared[i % bases])
            truth = data / "ground_truths" / "name_value" / f"{person:05d}" / f"{stem}.txt"
            truth.parent.mkdir(parents=True, exist_ok=True)
            truth.write_text(f"pose={stem[-2:]}\nsubject=cfrS{person:05d}\n{EYES}", encoding="utf-8")
        else:
            os.link(sideways, photo)
        size += photo.stat().st_size
    sideways.unlink()
    return size


def measured(command: str) -> dict:
    """A command of ours in a process of its own: what it is, its processor-seconds, the memory it held at most.

    Raises:
        SystemExit: if it fails.
    """
    process = os.posix_spawn(sys.executable, [sys.executable, "-m", "mffcn_lite", *shlex.split(command)], os.environ)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"mffcn-lite {command} failed")
    return {"processor_seconds": round(used.ru_utime + used.ru_stime, 1), "megabytes": round(used.ru_maxrss / 1024)}


def main() -> None:
    """The tree, then each command."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "colorferet")
        size = make_tree(root, PHOTOS, FRONTAL, PEOPLE, BASES)
        content = {"photos": PHOTOS, "frontal": FRONTAL, "people": PEOPLE, "megabytes": size // 10**6, "steps": STEPS}
        content["commands"] = {}
        for name, command in COMMANDS.items():
            content["commands"][name] = measured(command.format(root=root, folder=folder, steps=STEPS))
            print(name, content["commands"][name], flush=True)
        content["set_megabytes"] = Path(folder, "set", "images.npy").stat().st_size // 10**6
    store("bench_feret", content)


def probe() -> list:
    """A small tree, prepared."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "colorferet"), Path(folder, "set")
        make_tree(root, photos=12, frontal=4, people=2, bases=2)
        photos, problems, counts = find_feret(list_files(root))
        prepare(photos, out, CARD, problems=problems, workers=1)
        shutil.rmtree(root)
        return [load_faces(str(out)).images, counts["groups"], len(set(places(PHOTOS, FRONTAL, PEOPLE)))]


if __name__ == "__main__":
    main()
