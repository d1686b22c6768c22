"""The built pages in a real browser: the reader's own photo, and that nothing leaves the page's folder."""

import numpy as np
import pytest
import torch
from picture_files import DISPLAY_P3, SRGB_CURVE, noise, rgb_profile
from PIL import Image
from test_site import new_tab

from mffcn_lite.checkpoint import load_model
from mffcn_lite.degrade import degrade
from mffcn_lite.metrics import psnr


@pytest.fixture
def page(browser, site):
    """The index page, opened from the disk; at the end, nothing was asked for outside the book, or went wrong."""
    yield from open_index(browser, site)


@pytest.fixture
def page_with_a_card(launch, site):
    """The index page in a Chromium that computes as a graphics card would, in software."""
    drawn = "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"
    yield from open_index(launch(*drawn), site)


def open_index(browser, site):
    tab = new_tab(browser, site.as_uri())
    tab.goto((site / "book" / "chapters" / "index.html").as_uri())
    yield tab
    assert tab.wrong == []
    tab.context.close()


def planes(tab, side, which=slice(0, 3)):
    """The pixels of a canvas, H×W×3, bytes; or other channels of its four."""
    script = """canvas => ({width: canvas.width, height: canvas.height,
      data: [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]})"""
    found = tab.eval_on_selector(f"canvas.{side}", script)
    return np.array(found["data"], np.uint8).reshape(found["height"], found["width"], 4)[..., which]


def restore(tab, path):
    tab.set_input_files(".try-network input[type=file]", path)
    tab.wait_for_selector(".try-network .result:not([hidden])", timeout=60_000)


@pytest.mark.parametrize("kind", ["page", "page_with_a_card"])
def test_a_grey_photo_is_restored_as_by_pytorch(request, kind, tmp_path, orl):
    page = request.getfixturevalue(kind)
    Image.fromarray(orl.images[205, 0]).save(tmp_path / "mine.png")
    restore(page, tmp_path / "mine.png")
    on_card = "on the graphics card" in page.inner_text(".try-network .said")
    assert on_card == page.evaluate("Promise.resolve(navigator.gpu?.requestAdapter()).then(Boolean)")
    hr = orl[205:206].floats()
    with torch.no_grad():
        want = {name: load_model(name).reconstruct(hr, 3).clamp(0, 1) for name in ("bicubic", "srcnn", "mffcn")}
    for side, name in (("before", "bicubic"), ("after", "mffcn")):
        got = torch.from_numpy(planes(page, side)[..., 0]) / 255
        assert (got - want[name][0, 0]).abs().max() < 0.5 / 255 + 1e-3  # rounded to bytes on the canvas
    words = page.inner_text(".try-network figcaption")
    for name, title in (("bicubic", "bicubic"), ("srcnn", "SRCNN"), ("mffcn", "MFFCN")):
        assert f"{title} {psnr(want[name], hr, data_range=1.0).item():.2f} dB" in words


def test_the_colours_of_a_photo_are_kept(page, tmp_path):
    colours = np.zeros((64, 48, 3), np.uint8)
    colours[:, :24], colours[:, 24:] = (200, 60, 20), (20, 90, 180)
    Image.fromarray(colours).save(tmp_path / "mine.png")
    restore(page, tmp_path / "mine.png")
    blurred = degrade(torch.from_numpy(colours).permute(2, 0, 1)[None] / 255, 3).clamp(0, 1)[0].permute(1, 2, 0)
    assert np.abs(planes(page, "before") / 255 - blurred.numpy()).max() < 2 / 255


def test_enlarging_has_the_factors_size_and_no_score(page, tmp_path, orl):
    Image.fromarray(orl.images[205, 0, :40, :32]).save(tmp_path / "mine.png")
    page.select_option(".try-network .task", "enlarge")
    page.select_option(".try-network .factor", "2")
    restore(page, tmp_path / "mine.png")
    assert planes(page, "after").shape == (80, 64, 3)
    assert "dB" not in page.inner_text(".try-network figcaption")


def test_what_a_file_says_is_heeded_as_by_reconstruct(page, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"icc_profile": rgb_profile(DISPLAY_P3, SRGB_CURVE), "exif": exif}
    Image.new("RGB", (64, 40), (234, 51, 35)).save(tmp_path / "mine.png", **options)  # the red of a telephone
    page.select_option(".try-network .task", "enlarge")
    page.select_option(".try-network .factor", "2")
    restore(page, tmp_path / "mine.png")
    assert planes(page, "before").shape == (128, 80, 3)
    assert np.abs(planes(page, "before").astype(int) - (255, 0, 0)).max() <= 2


def test_what_is_transparent_lies_on_white_and_what_is_hidden_reaches_no_network(page, tmp_path):
    pixels = np.full((48, 48, 4), 255, np.uint8)
    pixels[10:30, 10:30] = (0, 255, 0, 0)
    pixels[36:, 36:] = (0, 0, 0, 128)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    page.select_option(".try-network .task", "enlarge")
    page.select_option(".try-network .factor", "2")
    restore(page, tmp_path / "mine.png")
    for side in ("before", "after"):  # bicubic and MFFCN
        assert (planes(page, side, 3) == 255).all()
        assert (planes(page, side)[8:60, 8:60] > 250).all()  # away from the border
        assert np.abs(planes(page, side)[84:, 84:].astype(int) - 127).max() < 6


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_moving_pictures_are_refused_as_by_reconstruct(page, tmp_path, kind):
    frames = [Image.fromarray(noise(48, 48, 3, seed=i)) for i in range(3)]
    frames[0].save(tmp_path / f"mine.{kind}", save_all=True, append_images=frames[1:])
    page.set_input_files(".try-network input[type=file]", tmp_path / f"mine.{kind}")
    said = "holds 3 pictures; save the one that you mean alone"
    page.wait_for_function(f"document.querySelector('.try-network .said').textContent.includes({said!r})")


def test_a_photo_that_is_too_small_is_a_sentence(page, tmp_path):
    Image.new("L", (10, 400)).save(tmp_path / "mine.png")
    page.set_input_files(".try-network input[type=file]", tmp_path / "mine.png")
    page.wait_for_function("document.querySelector('.try-network .said').textContent.includes('24 at least')")


def test_what_is_no_photo_is_a_sentence(page, tmp_path):
    (tmp_path / "mine.png").write_text("no photo")
    page.set_input_files(".try-network input[type=file]", tmp_path / "mine.png")
    page.wait_for_function("document.querySelector('.try-network .said').textContent.includes('no photo that')")


def test_a_large_photo_can_be_cancelled_and_the_page_stays_alive(page, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (1024, 1024), np.uint8)).save(tmp_path / "mine.png")
    page.set_input_files(".try-network input[type=file]", tmp_path / "mine.png")
    page.wait_for_function("document.querySelector('.try-network progress').value > 0", timeout=60_000)
    page.click(".try-network .cancel")
    assert page.inner_text(".try-network .said") == "Cancelled."
    assert page.is_hidden(".try-network .result")


def test_the_border_moves_by_keyboard(page):
    page.click(".try-network .ours")
    page.wait_for_selector(".try-network .result:not([hidden])", timeout=60_000)
    page.focus(".try-network .border")
    page.keyboard.press("ArrowRight")
    assert page.eval_on_selector(".try-network .pair", "pair => pair.style.getPropertyValue('--cut')") == "51%"
