"""Pictures that move: they hold the right pixels, describe themselves, and need nothing from outside."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from mffcn_lite import widgets


def embedded(page):
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        for data in re.findall(r"data:image/png;base64,([^\"]+)", page)
    ]


@pytest.fixture
def pair():
    return torch.rand(2, 1, 1, 12, 10, generator=torch.Generator().manual_seed(0))


def test_png_holds_the_rounded_pixels(pair):
    pixels = np.asarray(Image.open(io.BytesIO(widgets.png_bytes(pair[0] * 3 - 1))))
    assert np.array_equal(pixels, ((pair[0] * 3 - 1).clamp(0, 1) * 255).round().numpy()[0, 0])


def test_before_after_shows_both_pictures_and_describes_both(pair):
    page = widgets.before_after(*pair, labels=("left <b>", "right"), alt='a "face"')
    assert len(embedded(page)) == 2
    assert page.count('alt="') == 2
    assert "left <b>" not in page
    assert "aria-label" in page
    assert "http" not in page


def test_picture_stack_shows_one_at_a_time(pair):
    page = widgets.picture_stack({"one": pair[0], "two": pair[1]}, alt="noise")
    assert len(embedded(page)) == 2
    assert page.count('class="layer" hidden') == 1
    assert 'max="1"' in page


def test_systems_are_called_by_their_titles_in_moving_pictures(pair):
    pages = widgets.picture_stack({"mffcn": pair[0]}, alt="c"), widgets.before_after(*pair, ("mffcn", "wiener"), "c")
    for page in pages:
        assert "MFFCN, L2" in page
        assert "mffcn" not in page


def test_the_same_pictures_give_the_same_page(pair):
    first, second = (widgets.before_after(*pair, labels=("a", "b"), alt="c") for _ in range(2))
    assert first == second
    assert first._repr_html_() == str(first)


def test_explorer_draws_again_when_a_control_moves():
    ipywidgets = pytest.importorskip("ipywidgets")
    level = ipywidgets.FloatSlider(value=0.2, min=0, max=1)
    box = widgets.explorer(lambda level: torch.full((1, 1, 4, 4), level), {"level": level})
    picture = box.children[-1]
    before = picture.value
    level.value = 0.9
    assert np.asarray(Image.open(io.BytesIO(before))).max() == 51
    assert np.asarray(Image.open(io.BytesIO(picture.value))).min() == 230


def test_explorer_says_the_words_that_come_with_a_picture():
    ipywidgets = pytest.importorskip("ipywidgets")
    level = ipywidgets.FloatSlider(value=0.25, min=0, max=1)
    box = widgets.explorer(lambda level: (torch.full((4, 4), level), f"level {level}"), {"level": level})
    level.value = 0.5
    assert box.children[-2].value == "level 0.5"


def test_quiz_is_the_same_each_time(capsys):
    def shown():
        widgets.quiz([("Is it?", "yes", {"yes": "Right.", "no": "Wrong."})])
        return capsys.readouterr().out

    assert shown() == shown()
