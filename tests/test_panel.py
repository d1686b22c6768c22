"""The panel for one's own photo, in a browser: what comes too late, fails, is too large, is said and is saved."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from test_pages import planes, restore
from test_site import FIRST, address, new_tab  # noqa: F401, a fixture

SAID, FILE = ".try-network .said", ".try-network input[type=file]"
# Workers that compute nothing: a test says when their messages arrive, even after they were ended.
HELD = """self.held = []; self.Worker = class {
  constructor() { self.held.push(this); }
  postMessage(given) { this.given = given; }
  terminate() { this.ended = true; }
  answer() {
    const { planes, shrink, factor } = this.given, times = shrink ? 1 : factor;
    const result = [{ width: times * planes[0].width, height: times * planes[0].height }];
    result[0].data = new Float32Array(result[0].width * result[0].height).fill(planes[0].data[0]);
    for (const name of ["bicubic", "srcnn", "mffcn"]) this.onmessage({ data: { name, planes: result } });
    this.onmessage({ data: { finished: true, onCard: false } });
  }
};"""


def open_page(browser, where, script=""):
    tab = new_tab(browser, where)
    tab.add_init_script(script)
    tab.goto(f"{where.rstrip('/')}/{FIRST}")
    return tab


@pytest.fixture
def page(browser, site):
    """The first page from the disk; nothing may go wrong in it."""
    tab = open_page(browser, site.as_uri())
    yield tab
    assert tab.wrong == []
    tab.context.close()


@pytest.fixture
def held(browser, site):
    """The same, with workers that answer when they are told to: `held.answer(i)`."""
    tab = open_page(browser, site.as_uri(), HELD)
    tab.answer = lambda i: tab.evaluate("i => self.held[i].answer()", i)
    yield tab
    assert tab.wrong == []
    tab.context.close()


def photo(path, level, size=(64, 48), **options):
    Image.new("L", size, level).save(path, **options)
    return path


def wait_for(tab, words):
    tab.wait_for_function(
        "words => document.querySelector('.try-network .said').textContent.includes(words)", arg=words
    )


def started(tab, count):
    tab.wait_for_function("count => self.held.length === count && self.held.at(-1).given", arg=count)


# What comes too late.


def test_of_two_starts_in_flight_the_later_one_is_shown_whole(held, tmp_path):
    held.set_input_files(FILE, photo(tmp_path / "dark.png", 40))
    started(held, 1)
    held.set_input_files(FILE, photo(tmp_path / "light.png", 200, (32, 40)))
    started(held, 2)
    assert held.evaluate("self.held[0].ended")
    held.answer(0)
    assert held.is_hidden(".try-network .result")
    held.answer(1)
    held.answer(0)
    for side in ("before", "after"):
        assert planes(held, side).shape == (40, 32, 3)
        assert (np.abs(planes(held, side).astype(int) - 200) <= 1).all()


def test_cancel_is_not_overtaken_by_a_result(held, tmp_path):
    held.set_input_files(FILE, photo(tmp_path / "mine.png", 40))
    started(held, 1)
    held.click(".try-network .cancel")
    held.answer(0)
    assert held.inner_text(SAID) == "Cancelled."
    assert held.is_hidden(".try-network .result")
    held.select_option(".try-network .factor", "2")  # and it can be started again
    started(held, 2)
    held.answer(1)
    assert held.is_visible(".try-network .result")


def test_cancel_while_the_networks_load_starts_nothing(browser, address, tmp_path):  # noqa: F811
    held, waiting = open_page(browser, address, HELD), []
    held.route("**/networks.js", lambda route: waiting.append(route))
    held.set_input_files(FILE, photo(tmp_path / "mine.png", 40))
    held.wait_for_selector(".try-network .cancel:not([hidden])")
    held.click(".try-network .cancel")
    waiting[0].continue_()
    held.wait_for_function("self.FACE_NETWORKS")
    assert held.evaluate("self.held.length") == 0
    assert held.inner_text(SAID) == "Cancelled."
    held.context.close()


def test_a_photo_that_is_read_slowly_does_not_replace_a_later_one(held, tmp_path):
    held.evaluate("""() => {
      const read = self.facePhoto.read, gate = new Promise((open) => (self.openGate = open));
      self.facePhoto.read = async (file, ...rest) => {
        if (file.name === "slow.png") await gate;
        return read(file, ...rest);
      };
    }""")
    held.set_input_files(FILE, photo(tmp_path / "slow.png", 40))
    held.set_input_files(FILE, photo(tmp_path / "fast.png", 200))
    started(held, 1)
    held.evaluate("self.openGate()")
    held.answer(0)
    held.wait_for_timeout(200)
    assert held.evaluate("self.held.length") == 1
    assert (planes(held, "before") > 150).all()


def test_focus_goes_to_the_chooser_at_cancel_and_to_the_border_at_the_end(held, tmp_path):
    focused = "document.activeElement.type + document.activeElement.className"
    held.set_input_files(FILE, photo(tmp_path / "mine.png", 40))
    started(held, 1)
    held.focus(".try-network .cancel")
    held.keyboard.press("Enter")
    assert held.evaluate(focused) == "file"
    held.select_option(".try-network .factor", "2")
    started(held, 2)
    held.focus(".try-network .cancel")
    held.answer(1)
    assert held.evaluate(focused) == "rangeborder"


# What fails.


def test_networks_that_do_not_come_are_a_sentence_and_can_be_asked_for_again(browser, address, tmp_path):  # noqa: F811
    tab = open_page(browser, address)
    tab.route("**/networks.js", lambda route: route.abort())
    tab.set_input_files(FILE, photo(tmp_path / "mine.png", 40))
    wait_for(tab, "The networks did not load (networks.js)")
    assert tab.is_hidden(".try-network .cancel")
    assert tab.is_hidden(".try-network progress")
    tab.click(".try-network .ours")
    wait_for(tab, "The networks did not load (networks.js)")
    assert all("networks.js" in wrong or "ERR_FAILED" in wrong for wrong in tab.wrong)
    tab.unroute("**/networks.js")
    tab.click(".try-network .ours")
    tab.wait_for_selector(".try-network .result:not([hidden])", timeout=60_000)
    tab.context.close()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("share", [0.3, 0.98])
def test_a_file_that_was_cut_off_is_a_sentence(held, tmp_path, kind, share):
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"whole.{kind}")
    content = (tmp_path / f"whole.{kind}").read_bytes()
    (tmp_path / f"cut.{kind}").write_bytes(content[: int(share * len(content))])
    held.set_input_files(FILE, tmp_path / f"cut.{kind}")
    wait_for(held, "ends before its picture does")
    held.set_input_files(FILE, tmp_path / f"whole.{kind}")
    started(held, 1)


def test_a_jpegs_preview_does_not_pass_for_its_end_and_progressive_ones_are_read(held, tmp_path):
    preview = BytesIO()
    Image.new("RGB", (16, 16)).save(preview, "jpeg")
    segment = b"\xff\xe1" + (len(preview.getvalue()) + 2).to_bytes(2, "big") + preview.getvalue()
    for i, options in enumerate(({"progressive": True}, {"restart_marker_rows": 1}, {}), 1):
        whole = BytesIO()
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8)).save(whole, "jpeg", **options)
        content = b"\xff\xd8" + segment + whole.getvalue()[2:]
        (tmp_path / "cut.jpg").write_bytes(content[:-20])
        held.set_input_files(FILE, tmp_path / "cut.jpg")
        wait_for(held, "ends before its picture does")
        (tmp_path / "whole.jpg").write_bytes(content + b"what some cameras put behind it")
        held.set_input_files(FILE, tmp_path / "whole.jpg")
        started(held, i)


# What is too large.


def given(tab):
    """The size of the photo that the last worker got, and its luminance's first number in grey levels."""
    return tab.evaluate("""() => { const [plane] = self.held.at(-1).given.planes;
      return [plane.width, plane.height, Math.round(255 * plane.data[0])]; }""")


def test_the_limit_is_said_before(page):
    assert "up to 1024×1024 pixels" in page.inner_text(".try-network")


def test_a_telephones_photo_is_shrunk_in_place(held, tmp_path):
    held.set_input_files(FILE, photo(tmp_path / "mine.jpg", 90, (4032, 3024)))
    wait_for(held, "The photo has 4032×3024 pixels")
    assert held.evaluate("self.held.length") == 0
    held.get_by_role("button", name="Shrink all of it to 1024×768").click()
    started(held, 1)
    assert given(held) == [1024, 768, 90]
    assert held.is_hidden(".try-network .fit")
    assert held.evaluate("document.activeElement.className") == "cancel"


def test_a_part_is_taken_where_the_frame_is(held, tmp_path):
    pixels = np.zeros((1200, 1600), np.uint8)
    pixels[:, :800] = 60
    pixels[:, 800:] = 200
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    held.select_option(".try-network .task", "enlarge")  # so at most 341 pixels
    held.set_input_files(FILE, tmp_path / "mine.png")
    wait_for(held, "it may have 341 a side at most")
    held.locator(".try-network .whole").scroll_into_view_if_needed()
    box = held.locator(".try-network .whole").bounding_box()
    held.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    held.get_by_role("button", name="Take the part in the frame, 341×341").click()
    started(held, 1)
    assert given(held) == [341, 341, 200]
    held.answer(0)
    held.select_option(".try-network .factor", "4")  # which the part is too large for: the photo is offered again
    wait_for(held, "it may have 256 a side at most")
    held.locator(".try-network .frame").focus()
    for _ in range(60):
        held.keyboard.press("ArrowLeft")
    held.get_by_role("button", name="Take the part in the frame").click()
    started(held, 2)
    assert given(held) == [256, 256, 60]
    held.answer(1)
    held.select_option(".try-network .factor", "2")  # it still fits
    started(held, 3)


# What is said, shown and saved.


def test_the_result_is_saved_as_it_is_shown(page, tmp_path):
    colours = np.zeros((48, 60, 3), np.uint8)
    colours[:, :30], colours[:, 30:] = (200, 60, 20), (20, 90, 180)
    Image.fromarray(colours).save(tmp_path / "my face.png")
    restore(page, tmp_path / "my face.png")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save the right one, MFFCN").click()
    assert caught.value.suggested_filename == "my face-mffcn-x3.png"
    saved = np.asarray(Image.open(caught.value.path()).convert("RGB"))
    assert np.array_equal(saved, planes(page, "after"))
    assert np.ptp(saved.astype(int), axis=2).min() > 40  # colour stayed colour
    assert page.get_by_label("Left of it").input_value() == "bicubic"
    page.get_by_label("Right of it").select_option("srcnn")
    assert page.inner_text(".try-network .save") == "Save the right one, SRCNN"


def test_the_border_is_dragged_on_the_picture(held, tmp_path):
    held.set_input_files(FILE, photo(tmp_path / "mine.png", 40))
    started(held, 1)
    held.answer(0)
    held.locator(".try-network .pair").scroll_into_view_if_needed()
    box = held.locator(".try-network .pair").bounding_box()
    assert box["width"] % 64 == 0  # whole pixels
    held.mouse.move(box["x"] + 10, box["y"] + 10)
    held.mouse.down()
    held.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 20)
    held.mouse.up()
    assert held.input_value(".try-network .border") == "80"


@pytest.mark.parametrize("size", [(64, 48), (1024, 700), (3000, 400)])
def test_a_narrow_telephone_does_not_scroll_sideways(held, tmp_path, size):
    held.set_viewport_size({"width": 320, "height": 600})
    held.set_input_files(FILE, photo(tmp_path / "mine.png", 40, size))
    if size[0] <= 1024:
        started(held, 1)
        held.answer(0)
        held.wait_for_selector(".try-network .result:not([hidden])")
    else:
        held.wait_for_selector(".try-network .fit:not([hidden])")
    assert held.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(64, 48), (3000, 400)])
def test_axe_finds_nothing_serious_in_the_panel(held, tmp_path, theme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    held.evaluate(f"document.documentElement.dataset.theme = document.documentElement.dataset.mode = '{theme}'")
    held.set_input_files(FILE, photo(tmp_path / "mine.png", 40, size))
    if size[0] <= 1024:
        started(held, 1)
        held.answer(0)
    held.wait_for_selector(".try-network :is(.result, .fit):not([hidden])")
    found = axe.run(held, context=".try-network", options={"resultTypes": ["violations"], "preload": False})
    assert [(v["id"], n["target"]) for v in found.response["violations"] for n in v["nodes"]] == []
