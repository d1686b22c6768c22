"""What experiments share: where they train, in which processes, and the systems that they measure."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import torch

from benchmarks.helpers.names import SHIPPED, SYSTEMS
from benchmarks.stamps import ROOT
from mffcn_lite.checkpoint import load_model
from mffcn_lite.device import choose_device
from mffcn_lite.models import SuperResolver

DEVICE = choose_device()  # of what is trained


def use_cores() -> None:
    """As many threads as OMP_NUM_THREADS says, one where it says nothing."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def trainers() -> ProcessPoolExecutor:
    """Processes that train, as many as OMP_NUM_THREADS or the processor's cores, with one thread each.

    On a GPU they share it: with networks so small it waits for their launches.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(torch.get_num_threads(), context, torch.set_num_threads, (1,))


def in_a_process(module: str, *arguments: str) -> str:
    """What a module prints that is run in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def load_systems() -> dict[str, SuperResolver]:
    """Every system of the tables by its name, and what is shipped beside those."""
    return {name: load_model(name) for name in dict.fromkeys([*SYSTEMS, *SHIPPED])}
