"""The chapters' profile: how long they train, on what, and what they say of it."""

import os

import torch

from mffcn_lite.device import choose_device
from mffcn_lite.errors import check_word

PROFILES = ("quick", "full")


def profile() -> str:
    """`quick`, or what the variable MFFCN_LITE_PROFILE says: with `full`, chapters train longer, on a GPU.

    Raises:
        MffcnLiteError: if the variable holds another word.
    """
    word = os.environ.get("MFFCN_LITE_PROFILE", "quick")
    check_word("MFFCN_LITE_PROFILE", word, PROFILES)
    return word


def by_profile(quick: int, full: int) -> int:
    """The number of the profile that is set, of steps for instance."""
    return full if profile() == "full" else quick


def chapter_device() -> torch.device:
    """What a chapter trains on: the CPU, where outputs agree everywhere; with `full` a GPU, where there is one."""
    return choose_device("auto" if profile() == "full" else "cpu")


def say_device() -> None:
    """Print what a chapter runs on, and what to do for more."""
    device = choose_device()
    if device.type == "cuda":
        found, advice = torch.cuda.get_device_name(device), "Chapters use it with MFFCN_LITE_PROFILE=full alone."
    else:
        found, advice = "a CPU", "That is enough for every chapter. In Colab: Runtime > Change runtime type for a GPU."
    print(f"PyTorch {torch.__version__} on {found}; profile: {profile()}. {advice}")
