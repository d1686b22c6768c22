"""Chapter 4's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np

from book.mistakes.chapter_04 import share
from mffcn_lite.exercises import check


def test_a_share_counted_another_way_passes_too():
    assert check("4.2", share(np.mean)) is True
