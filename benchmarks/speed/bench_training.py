"""Our training against the loop that one would write first; its memory with many photos; its start.

    python -m benchmarks.speed.bench_training    (make bench; about 20 minutes, leave the machine alone meanwhile)
    python -m benchmarks.speed.bench_training kept start   (of: speed, pipeline, kept, settings, quality, photos, start)

The loop that one would write first: a Dataset that opens a PNG with PIL and degrades it with PIL, photo by photo; a
DataLoader with two workers; float32, the branches of MFF as drawn, the default memory format. "pipeline" has photos of
the paper's size, ours in two precisions, and what share of the processor's rate a step reaches.
Writes mffcn_lite/results/bench_training.json, or bench_training_gpu.json where there is a GPU.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.helpers.results import DEVICE, in_a_process
from benchmarks.helpers.storing import begun, store
from benchmarks.helpers.timing import compare, peak_anonymous_megabytes
from benchmarks.speed.bench_fusing import matmul_rate
from mffcn_lite.data import FaceSet, load_faces, people_for_training, save_faces
from mffcn_lite.losses import l2_loss
from mffcn_lite.models import create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.training import RECIPES, TrainingConfig, TrainingState, loop, recipe_for, train
from mffcn_lite.training.recording import validate
from mffcn_lite.training.runs import run_training

NAME = "bench_training_gpu" if DEVICE.type == "cuda" else "bench_training"
NETWORKS = ("srcnn", "mffcn")
ROUNDS, STEPS = 7, 12  # of each side, in turn
PATIENCE = 200  # seconds of the first loop, whose best score then is to be reached by ours
MODES = {None: "", "default": ", compiled"}  # of torch.compile
if DEVICE.type == "cuda":
    MODES["reduce-overhead"] = ", compiled, CUDA graphs"
PHOTOS = (400, 10_000, 100_000)
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}


class Photos(Dataset):
    """PNG files, opened and degraded one by one."""

    def __init__(self, files: list[Path]):
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        photo, factor = Image.open(self.files[index]), np.random.choice((2, 3, 4))
        size = tuple(round(side / factor) for side in photo.size)
        blurred = photo.resize(size, Image.Resampling.BICUBIC).resize(photo.size, Image.Resampling.BICUBIC)
        hr, blurred = (torch.from_numpy(np.asarray(picture, np.float32)[None] / 255) for picture in (photo, blurred))
        return blurred, hr


def write_pngs(faces: FaceSet, folder: Path) -> list[Path]:
    """The photos as files, in order."""
    files = [folder / f"{i:04d}.png" for i in range(len(faces))]
    for file, image in zip(files, faces.images, strict=True):
        Image.fromarray(image[0]).save(file)
    return files


def first_loop(name: str, files: list[Path]) -> tuple[nn.Module, Iterator[None]]:
    """(the network, an iterator that makes a step each time it is asked) of the loop that one would write first."""
    torch.manual_seed(0)
    model = create_model(name, **({"reparameterize": False} if name == "mffcn" else {})).to(DEVICE)
    paper = RECIPES["paper-l2"]
    optimizer = torch.optim.Adam(model.parameters(), lr=paper.lr, betas=(paper.beta1, paper.beta2))
    loader = DataLoader(
        Photos(files), paper.batch, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
    )

    def steps() -> Iterator[None]:
        while True:
            for blurred, hr in loader:
                optimizer.zero_grad()
                l2_loss(model(blurred.to(DEVICE)), hr.to(DEVICE)).backward()
                optimizer.step()
                yield

    return model, steps()


def finish() -> None:
    """Wait for what a GPU has still to do."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def in_turn(name: str, config: TrainingConfig, faces: FaceSet, theirs: Iterator[None]) -> dict[str, list[float]]:
    """Seconds of `STEPS` steps of ours and of the first loop, again and again; the first round warms up."""
    torch.manual_seed(0)
    seconds, marks = {"ours": [], "first": []}, [time.perf_counter()]

    def on_step(state: TrainingState, terms: dict[str, Tensor]) -> None:
        if state.step % STEPS == 0:
            finish()
            middle = time.perf_counter()
            for _ in range(STEPS):
                next(theirs)
            finish()
            seconds["ours"].append(middle - marks[-1])
            marks.append(time.perf_counter())
            seconds["first"].append(marks[-1] - middle)

    train(create_model(name).to(DEVICE), faces, config, stop_after=STEPS * (ROUNDS + 1), on_step=on_step)
    return {side: values[1:] for side, values in seconds.items()}


def bench_speed(files: list[Path], faces: FaceSet) -> dict:
    """Photos a second with the paper's batch of whole photos; as it is, and compiled."""
    rows = []
    for name in NETWORKS:
        _, theirs = first_loop(name, files)
        for mode in MODES:
            config = dataclasses.replace(recipe_for(name, "paper-l2"), compile=mode)
            seconds = in_turn(name, config, faces, theirs)
            title = f"training {name}, batch {config.batch}{MODES[mode]}"
            row = compare(title, seconds["first"], seconds["ours"])
            for side, values in seconds.items():
                row[f"{side}_photos_a_second"] = round(config.batch * STEPS / statistics.median(values), 1)
            rows.append(row)
    return {"speed": rows}


def bench_pipeline(faces: FaceSet) -> dict:
    """As `bench_speed`, on photos of 128×128, with each precision; and a step against a large matrix product."""
    faces, rows = FaceSet(of_128(faces), faces.people, faces.names, faces.card), []
    with tempfile.TemporaryDirectory() as folder:
        files = write_pngs(faces, Path(folder))
        for name, precision in itertools.product(NETWORKS, PRECISIONS):
            _, theirs = first_loop(name, files)
            config = dataclasses.replace(recipe_for(name, "paper-l2"), precision=precision)
            seconds = in_turn(name, config, faces, theirs)
            row = compare(f"training {name}, batch {config.batch}, {precision}", seconds["first"], seconds["ours"])
            with FlopCounterMode(display=False) as counter:
                train(create_model(name).to(DEVICE), faces, config, stop_after=1)
            flops = counter.get_total_flops() / statistics.median(seconds["ours"]) * STEPS
            row |= {"gflops": round(flops / 1e9), "share": round(flops / 2 / matmul_rate(PRECISIONS[precision]), 3)}
            rows.append(row)
    return {"pipeline": rows}


def time_steps(name: str, side: str) -> None:
    """In a process of its own: train on one thread, as ever or with freed memory as torch has it; print the seconds."""
    torch.set_num_threads(1)
    if side == "usual":
        loop.kept_memory = contextlib.nullcontext
    faces, config = load_faces("orl"), recipe_for(name, "fast")
    state = TrainingState.start(create_model(name), config)
    train(state.model, faces, config, state=state, stop_after=STEPS)
    start = time.perf_counter()
    train(state.model, faces, config, state=state, stop_after=4 * STEPS)
    print(time.perf_counter() - start)


def bench_kept() -> dict:
    """What it brings that freed memory is kept for the next step (`mffcn_lite.device.kept_memory`)."""
    rows = []
    for name in NETWORKS:
        seconds = {"usual": [], "kept": []}
        for _ in range(ROUNDS):
            for side, values in seconds.items():
                values.append(float(in_a_process("benchmarks.speed.bench_training", "--steps", name, side)))
        rows.append(compare(f"training {name}, freed memory kept", seconds["usual"], seconds["kept"]))
    return {"kept": rows}


def bench_settings(faces: FaceSet) -> dict:
    """Photos a second of ours by memory format, batch and, on a CPU, the count of threads: how the recipes were set."""
    rows, before = [], torch.get_num_threads()
    threads = sorted({1, before}) if DEVICE.type == "cpu" else [before]
    for name, batch, count, last in itertools.product((*NETWORKS, "fsrcnn"), (3, 10), threads, (False, True)):
        torch.set_num_threads(count)
        config = dataclasses.replace(recipe_for(name, "fast"), batch=batch, channels_last=last)
        state, seconds = TrainingState.start(create_model(name).to(DEVICE), config), []
        for _ in range(4):  # the first warms up
            start = time.perf_counter()
            train(state.model, faces, config, state=state, stop_after=state.step + STEPS)
            finish()
            seconds.append(time.perf_counter() - start)
        row = {"network": name, "batch": batch, "threads": count, "channels_last": last}
        rows.append(row | {"photos_a_second": round(batch * STEPS / min(seconds[1:]), 1)})
        print(rows[-1], flush=True)
    torch.set_num_threads(before)
    return {"settings": rows}


def bench_quality(files: list[Path], faces: FaceSet, validation: FaceSet) -> dict:
    """Seconds until a network scores at factor 3 what the first loop, with the paper's recipe, has at the end."""
    rows, at_three = [], TrainingConfig(factors=(3,))
    for name in NETWORKS:
        curves = {}

        def score(model: nn.Module) -> float:
            return validate(model, validation, at_three, DEVICE)["3"]

        model, theirs = first_loop(name, files)
        curve, seconds = [(0.0, score(model))], 0.0
        while seconds < PATIENCE:
            start = time.perf_counter()
            for _ in range(25):
                next(theirs)
            finish()
            seconds += time.perf_counter() - start
            curve.append((round(seconds, 2), score(model)))
        curves["first"], target = curve, max(value for _, value in curve)
        torch.manual_seed(0)
        model, config = create_model(name).to(DEVICE), dataclasses.replace(recipe_for(name, "fast"), steps=2000)
        state, curve, seconds = TrainingState.start(model, config), [], 0.0
        while state.step < config.steps and (not curve or curve[-1][1] < target):
            start = time.perf_counter()
            train(model, faces, config, state=state, stop_after=state.step + 25)
            finish()
            seconds += time.perf_counter() - start
            curve.append((round(seconds, 2), max(score(state.best), score(state.model))))
        curves["ours"] = curve
        reached = {side: next((s for s, value in c if value >= target), None) for side, c in curves.items()}
        ratio = None if reached["ours"] is None else round(reached["first"] / reached["ours"], 1)
        print(f"{name}: {target:.2f} dB at factor 3 after {reached} seconds: {ratio} times sooner", flush=True)
        rows.append({"network": name, "target": target, "seconds": reached, "ratio": ratio, "curves": curves})
    return {"quality": rows}


def of_128(faces: FaceSet) -> np.ndarray:
    """The photos in the paper's size, N×1×128×128."""
    return np.stack([np.asarray(Image.fromarray(image[0]).resize((128, 128)))[None] for image in faces.images])


def many_photos(faces: FaceSet, count: int, folder: Path) -> None:
    """A prepared set of 128×128: the photos again and again, each time as another person, paler or not."""
    names, small = [f"p{i}" for i in range(count)], of_128(faces)
    levels = (np.arange(count) % 128).astype(np.uint8)
    images = small[np.arange(count) % len(small)] // 2 + levels[:, None, None, None]
    save_faces(FaceSet(images, np.arange(count), names, {"source": "ORL, repeated"}), folder)


def train_on(folder: str) -> None:
    """In a process of its own: train on a prepared set; print its own memory and its milliseconds a step."""
    config = dataclasses.replace(RECIPES["fast"], batch=10, steps=60, checkpoint_every=1000)
    moments = []
    with tempfile.TemporaryDirectory() as out:

        def call() -> None:
            run_training(
                f"{out}/run", folder, "srcnn", config, on_progress=lambda line: moments.append(time.perf_counter())
            )

        megabytes = peak_anonymous_megabytes(call)
    steps = np.diff(moments[10:])
    print(json.dumps({"megabytes": megabytes, "step_milliseconds": round(1000 * float(np.median(steps)), 2)}))


def bench_photos(faces: FaceSet) -> dict:
    """Memory and the time of a step by the number of photos."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in PHOTOS:
            many_photos(faces, count, Path(folder, str(count)))
        for count in (*PHOTOS, *PHOTOS):  # twice: the first reading warms the page cache
            out = in_a_process("benchmarks.speed.bench_training", "--on", f"{folder}/{count}")
            rows.append({"photos": count, **json.loads(out.splitlines()[-1])})
            print(rows[-1], flush=True)
    return {"photos": rows[len(PHOTOS) :]}


def bench_start() -> dict:
    """Seconds of `mffcn-lite models`, and of a whole training of one step, in programs of their own."""
    program, found = [sys.executable, "-m", "mffcn_lite.cli"], {}
    with tempfile.TemporaryDirectory() as folder:
        trial = ["train", "--data", "orl", "--model", "mffcn", "--steps", "1", "--out", f"{folder}/run"]
        for name, arguments in (("models", ["models"]), ("train", trial)):
            seconds = []
            for _ in range(5):
                shutil.rmtree(f"{folder}/run", ignore_errors=True)
                start = time.perf_counter()
                subprocess.run([*program, *arguments], check=True, capture_output=True, env={**os.environ})
                seconds.append(time.perf_counter() - start)
            found[name] = {"seconds": round(statistics.median(seconds), 2), "highest": round(max(seconds), 2)}
            print(f"mffcn-lite {name}: {found[name]}", flush=True)
    return {"start": found}


def main(wanted: list[str]) -> None:
    """What is wanted, and the file; what was measured before stays in it."""
    results = begun(NAME)
    environment = describe_environment(DEVICE)
    print(f"{environment['device']}, {environment['threads']} threads, torch {environment['torch']}")
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    with tempfile.TemporaryDirectory() as folder:
        files = write_pngs(faces, Path(folder))
        calls = {
            "speed": lambda: bench_speed(files, faces),
            "pipeline": lambda: bench_pipeline(faces),
            "kept": bench_kept,
            "settings": lambda: bench_settings(faces),
            "quality": lambda: bench_quality(files, faces, validation),
            "photos": lambda: bench_photos(faces),
            "start": bench_start,
        }
        for name in wanted or calls:
            results |= calls[name]()
            results["parts"] = sorted({*results.get("parts", []), name})
            store(NAME, results, unfinished=0 if DEVICE.type == "cuda" else len(calls) - len(results["parts"]))


def probe(part: str = "all") -> list:
    """What is timed: steps of ours by both recipes, a step of the first loop's network, and the many photos."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    found = []
    for name in (*NETWORKS, "fsrcnn"):
        for recipe in ("paper-l2", "fast"):
            torch.manual_seed(0)
            config = dataclasses.replace(recipe_for(name, recipe), batch=2)
            best = train(create_model(name), faces, config, stop_after=2).best
            found.append(validate(best, validation[::10], TrainingConfig(factors=(3,)), torch.device("cpu")))
    with tempfile.TemporaryDirectory() as folder:
        many_photos(faces, 5, Path(folder, "five"))
        write_pngs(faces[:2], Path(folder))
        model, _ = first_loop("mffcn", sorted(Path(folder).glob("*.png")) * 5)
        blurred = validation[:2].floats()
        return [
            found,
            load_faces(f"{folder}/five").images,
            model(blurred),
            Photos(sorted(Path(folder).glob("*.png")))[0][1],
        ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--on"]:
        train_on(sys.argv[2])
    elif sys.argv[1:2] == ["--steps"]:
        time_steps(*sys.argv[2:])
    else:
        main(sys.argv[1:])
