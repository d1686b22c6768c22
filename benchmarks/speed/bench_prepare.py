"""What preparing FERET costs beside decompressing it: the same photos, both sides in turn, on all cores.

    python -m benchmarks.speed.bench_prepare [PHOTOS]    (make bench; leave the machine alone meanwhile)

The photos, 400 where not given (250 MB; the seconds a photo do not depend on their number), are ORL faces enlarged to
512×768 in colour, with noise as a scanner's, in bz2. Writes mffcn_lite/results/bench_prepare.json.
"""

import bz2
import io
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.helpers.storing import store
from benchmarks.helpers.timing import compare, time_in_turn
from mffcn_lite.data import load_faces
from mffcn_lite.data.prepare.feret import CARD, find_feret
from mffcn_lite.data.prepare.preparing import prepare
from mffcn_lite.data.prepare.sources import list_files

ROUNDS = 5
EYES = "left_eye_coordinates=312 371\nright_eye_coordinates=202 365\n"  # 110 pixels apart, a little turned


def write_photo(folder: Path, number: int, pixels: np.ndarray) -> None:
    """A photo and its ground truth, as on FERET's discs."""
    stem = f"{number:05d}_930831_fa"
    noise = np.random.default_rng(number).normal(0, 2, (768, 512, 3))
    face = np.asarray(Image.fromarray(pixels).resize((512, 768), Image.Resampling.BICUBIC), dtype=float)[..., None]
    buffer = io.BytesIO()
    Image.fromarray((face + noise).clip(0, 255).astype(np.uint8)).save(buffer, format="PPM")
    (folder / f"{stem}.ppm.bz2").write_bytes(bz2.compress(buffer.getvalue()))
    (folder / f"{stem}.txt").write_text(f"pose=fa\nsubject=cfrS{number:05d}\n{EYES}")


def processor_seconds(call: Callable[[], object]) -> float:
    """What all cores together spend on a call: other programs beside it change this little."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main(count: int) -> None:
    """Measure, print, and write the result."""
    faces, workers = load_faces("orl"), len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(workers) as pool:
        root, out = Path(temporary) / "feret", Path(temporary) / "set"
        root.mkdir()
        list(pool.map(lambda i: write_photo(root, i, faces.images[i % len(faces), 0]), range(count)))
        files = sorted(root.glob("*.bz2"))
        megabytes = sum(path.stat().st_size for path in files) / 1e6

        def decompress() -> None:
            for _ in pool.map(lambda path: len(bz2.decompress(path.read_bytes())), files):
                pass

        def prepare_all() -> None:
            shutil.rmtree(out, ignore_errors=True)
            photos, problems, _ = find_feret(list_files(root))
            report = prepare(photos, out, CARD, problems=problems, workers=workers)
            assert report["counts"]["used"] == count

        sides = {"bz2": decompress, "prepare": prepare_all}
        seconds = time_in_turn(sides, ROUNDS)
        rounds = [{side: processor_seconds(call) for side, call in sides.items()} for _ in range(ROUNDS)]
    work = {side: statistics.median(times[side] for times in rounds) for side in sides}
    ratio = compare("preparing, as a part of what bz2 alone allows", seconds["bz2"], seconds["prepare"])
    rates = {side: round(count / statistics.median(times), 2) for side, times in seconds.items()}
    each = {side: round(1000 * value / count, 2) for side, value in work.items()}
    content = {"photos": count, "megabytes": round(megabytes), "workers": workers, "photos a second": rates}
    content |= {
        "processor milliseconds a photo": each,
        "ratio of processor time": round(work["bz2"] / work["prepare"], 3),
    }
    store("bench_prepare", content | {"ratio": ratio})
    print(f"{count} photos, {workers} workers, photos a second: {rates}; processor milliseconds a photo: {each}")


def probe() -> list:
    """What is timed: three photos, prepared."""
    faces = load_faces("orl")
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "feret"), Path(folder, "set")
        root.mkdir()
        for i in range(3):
            write_photo(root, i, faces.images[i, 0])
        photos, problems, _ = find_feret(list_files(root))
        prepare(photos, out, CARD, problems=problems, workers=1)
        return [load_faces(str(out)).images]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
