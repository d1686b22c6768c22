"""What several trainings at a time gain on one GPU, with and without NVIDIA's multi-process service.

    python -m benchmarks.speed.bench_sharing    (two minutes; needs a GPU of your own)

Writes mffcn_lite/results/bench_sharing.json.
"""

import multiprocessing
import os
import subprocess
import tempfile
import time
from queue import Queue
from threading import Barrier

import torch

from benchmarks.helpers.results import DEVICE
from benchmarks.helpers.storing import store
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.models import create_model
from mffcn_lite.training import TrainingState, recipe_for, train

SYSTEM, SECONDS, COUNTS, WARM_UP, AT_ONCE = "mffcn", 5, (1, 4, 12), 30, 10


def work(barrier: Barrier, queue: Queue) -> None:
    """Train for a while, together with the others; the steps a second."""
    torch.set_num_threads(1)
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    model, config = create_model(SYSTEM).to(DEVICE), recipe_for(SYSTEM, "fast")
    state = TrainingState.start(model, config)

    def go_on(count: int) -> None:
        train(model, faces, config, state=state, stop_after=state.step + count)
        torch.cuda.synchronize()

    go_on(WARM_UP)
    barrier.wait()
    start = time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        go_on(AT_ONCE)
    queue.put((state.step - WARM_UP) / (time.perf_counter() - start))
    barrier.wait()


def together(count: int) -> float:
    """Steps a second that `count` trainings make together."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(count), context.Queue()
    processes = [context.Process(target=work, args=(barrier, queue)) for _ in range(count)]
    for process in processes:
        process.start()
    speeds = [queue.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    return round(sum(speeds), 1)


def main() -> None:
    """Each count without the service, then with it."""
    rows = [{"trainings": count, "service": False, "steps_a_second": together(count)} for count in COUNTS]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        subprocess.run(["nvidia-cuda-mps-control", "-d"], check=True)
        try:
            rows += [{"trainings": n, "service": True, "steps_a_second": together(n)} for n in COUNTS]
        finally:
            subprocess.run(["nvidia-cuda-mps-control"], input="quit\n", text=True, timeout=60)
    for row in rows:
        print(row, flush=True)
    store("bench_sharing", {"system": SYSTEM, "batch": recipe_for(SYSTEM, "fast").batch, "rows": rows})


def probe() -> list:
    """What is timed: some steps."""
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    torch.manual_seed(0)
    return [train(create_model(SYSTEM), faces, recipe_for(SYSTEM, "fast"), stop_after=3).best.state_dict()]


if __name__ == "__main__":
    main()
