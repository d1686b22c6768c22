"""The built pages as readers use them: each one read, measured and judged; what moves, moved; what answers, asked."""

import contextlib
import functools
import gzip
import http.server
import json
import re
import threading
from pathlib import Path

import pytest

from book.build.contents import chapters

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
# All but the root's index.html, which sends its reader to the first page.
PAGES = sorted(str(p.relative_to(HTML)) for p in HTML.glob("*/**/*.html") if "_static" not in p.parts)
PAGES += sorted(p.name for p in HTML.glob("*.html") if p.name != "index.html")
FIRST, STACK = "book/chapters/index.html", "book/chapters/08-mff.html"
WIDTHS = (360, 768, 1280, 1920)
A4 = 907  # pixels across, as make pdf prints: 180 mm at three quarters of the size
STILL = "*, *::before, *::after { animation-duration: 0s !important; transition: none !important; } "
STILL += "[data-alike] { visibility: hidden !important; }"


@functools.cache
def compressed(path):
    """A file's bytes, read and compressed once for all pages that use it."""
    return gzip.compress(path.read_bytes(), 6)


class Compressed(http.server.SimpleHTTPRequestHandler):
    """Serves a folder as a web host does: text is compressed."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        kind = self.guess_type(path)
        text = kind.startswith("text/") or kind.endswith(("javascript", "json", "svg+xml"))
        body = compressed(path) if text else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the reader has gone on to another page
            self.wfile.write(body)

    def log_message(self, *_):
        """Nothing is written beside the tests' own lines."""


@pytest.fixture(scope="module")
def address(site):
    """Where the pages are served."""
    handler = functools.partial(Compressed, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def new_tab(browser, inside, **options):
    """A tab that keeps in `tab.wrong` what went wrong in it, and what it asked for that is not inside."""
    tab = browser.new_context(viewport={"width": 1280, "height": 900}, **options).new_page()
    tab.wrong = []
    tab.on("request", lambda r: r.url.startswith((inside, "blob:", "data:")) or tab.wrong.append(r.url[:100]))
    tab.on("requestfailed", lambda request: tab.wrong.append(f"failed: {request.url[:100]}"))
    tab.on("response", lambda answer: answer.ok or tab.wrong.append(f"{answer.status}: {answer.url[:100]}"))
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and tab.wrong.append(message.text))
    return tab


@pytest.fixture(scope="module")
def reader(browser, address):
    """One tab for all pages; `reader.bytes` are what the page took from the network, nothing cached."""
    tab = new_tab(browser, address)
    network = tab.context.new_cdp_session(tab)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    network.on("Network.loadingFinished", lambda event: tab.bytes.append(event["encodedDataLength"]))
    yield tab
    tab.context.close()


@pytest.fixture(scope="module", params=PAGES)
def page(request, reader, address):
    """A page, read in full; all tests of one page follow each other in one tab."""
    reader.wrong, reader.bytes, reader.name = [], [], request.param
    reader.emulate_media(media="screen")
    reader.set_viewport_size({"width": 1280, "height": 900})
    reader.goto(address + request.param)
    reader.evaluate("window.MathJax?.startup?.promise")
    reader.add_style_tag(content=STILL)
    yield reader
    assert reader.wrong == []


def test_nothing_fails_and_nothing_comes_from_outside(page):
    assert page.wrong == []
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate("document.querySelectorAll('.math:not(:has(mjx-container))').length") == 0


def test_a_page_is_light(page):
    assert sum(page.bytes) < (1e6 if page.name == FIRST else 3e6)


def test_every_picture_has_alt_text(page):
    assert page.evaluate("[...document.images].filter(i => !i.alt.trim()).map(i => i.src.slice(-80))") == []


def test_a_quiz_answers(page):
    # The right answer of every other question stays chosen, the first wrong one of the rest, for the tests of contrast.
    wrong = page.evaluate("""[...document.querySelectorAll(".Quiz")].flatMap((quiz, i) => {
      const answers = [...quiz.querySelectorAll(".MCButton")], said = quiz.querySelector(".Feedback");
      const right = answers.filter((answer) => answer.dataset.correct === "true");
      const answersAsItShould = answers.every((answer) => {
        answer.click();
        return said.innerText.trim() && said.classList.contains("correct") === right.includes(answer);
      });
      answers.find((answer) => right.includes(answer) === (i % 2 === 0)).click();
      return answersAsItShould && right.length === 1 ? [] : [quiz.innerText];
    })""")
    assert wrong == []


def test_what_moves_moves_by_keyboard(page):
    for figure in page.locator("figure.moving").all():
        slider, before = figure.locator("input"), shown(figure)
        slider.focus()
        slider.press("ArrowRight")
        assert shown(figure) != before


# A page of code is thousands of coloured words, and axe takes most of its time for their contrast. Words that look the
# same on the same ground have the same contrast: one of each stands for all, and axe does not look at what is hidden.
HIDE_ALIKE = """() => {
  const ground = (part) => {
    const colour = getComputedStyle(part).backgroundColor;
    return part.parentElement && /, 0\\)$|transparent/.test(colour) ? ground(part.parentElement) : colour;
  };
  const seen = new Set();
  for (const word of document.querySelectorAll(".highlight pre span")) {
    const style = getComputedStyle(word);
    const look = [style.color, style.opacity, style.fontSize, style.fontWeight, ground(word)].join();
    word.toggleAttribute("data-alike", seen.has(look) && !word.children.length);
    seen.add(look);
  }
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    page.evaluate(f"document.documentElement.dataset.theme = document.documentElement.dataset.mode = '{theme}'")
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    # Without preload, as axe would ask for a style sheet of the theme where there is none.
    options = {"resultTypes": ["violations"], "preload": False}
    if theme == "dark":  # only the colours differ
        options["runOnly"] = ["color-contrast"]
    page.evaluate(HIDE_ALIKE)
    found = axe.run(page, options=options).response["violations"]
    page.evaluate("document.querySelectorAll('[data-alike]').forEach((word) => word.removeAttribute('data-alike'))")
    serious = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    assert [(violation["id"], node["target"]) for violation in serious for node in violation["nodes"]] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_width_scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # What is wider than a telephone scrolls by itself, by keyboard too; the theme sees to that after 0.3 seconds.
    lost = """() => [...document.querySelectorAll("main *")].every((part) => part.scrollWidth <= part.clientWidth + 1
      || !["auto", "scroll"].includes(getComputedStyle(part).overflowX) || part.tabIndex === 0
      || part.querySelector("a, button, input, [tabindex='0']"))"""
    page.wait_for_function(lost, timeout=3000)


def test_paper_shows_all_that_moves_and_nothing_that_does_not_work_there(page):
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 1280})
    idle = ".bd-header, .bd-header-article, .bd-sidebar, .prev-next-area, .headerlink, summary, button, [type=range]"
    assert page.evaluate(f"[...document.querySelectorAll('{idle}')].filter(e => e.checkVisibility()).length") == 0
    cut = page.evaluate(f"""[...document.querySelectorAll("main img:not(button img), main pre, main table")]
      .filter((part) => {{
        const place = part.getBoundingClientRect(), style = getComputedStyle(part);
        const hidden = part.closest("details:not([open])");
        return !hidden && (place.width < 8 || place.right > {A4} || part.scrollWidth > part.clientWidth + 1
          || style.clipPath !== "none" || (part.matches("figure.moving img") && style.position !== "static"));
      }}).map((part) => part.outerHTML.slice(0, 80))""")
    assert cut == []


def shown(figure):
    """What a moving figure shows: where its border is, and which of its pictures lie on top."""
    return figure.evaluate("""figure => [figure.style.getPropertyValue("--cut"),
      [...figure.querySelectorAll(".layer")].map((layer) => layer.hidden)]""")


def drag_by_mouse(tab, slider, start, end):
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move(*end, steps=4)
    tab.mouse.up()


def drag_by_touch(tab, slider, start, end):
    fingers = tab.context.new_cdp_session(tab)
    for kind, places in (("touchStart", [start]), ("touchMove", [end]), ("touchEnd", [])):
        points = [{"x": x, "y": y} for x, y in places]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def press_end(tab, slider, start, end):
    slider.focus()
    slider.press("End")


@pytest.fixture(scope="module")
def telephone(browser, address):
    """A tab of a device with a touch screen."""
    tab = new_tab(browser, address, has_touch=True)
    yield tab
    tab.context.close()


@pytest.mark.parametrize("move", [drag_by_mouse, drag_by_touch, press_end])
def test_a_slider_moves(telephone, address, move):
    telephone.goto(address + STACK)
    figure = telephone.locator("figure.moving").first
    slider = figure.locator("input")
    slider.scroll_into_view_if_needed()
    before, box = shown(figure), slider.bounding_box()
    y, at = box["y"] + box["height"] / 2, (lambda share: box["x"] + 8 + share * (box["width"] - 16))
    move(telephone, slider, (at(0), y), (at(1), y))
    hidden = shown(figure)[1]
    assert hidden != before[1]
    assert hidden == [True] * (len(hidden) - 1) + [False]


def test_a_quiz_answers_by_keyboard_and_says_where_you_are(telephone, address):
    telephone.goto(address + STACK)
    quiz = telephone.locator(".Quiz").first
    quiz.locator("input").first.focus()
    telephone.keyboard.press("ArrowDown")
    answer = quiz.locator(".MCButton").nth(1)
    assert answer.evaluate("answer => getComputedStyle(answer).outlineStyle") == "solid"
    assert quiz.locator("[role=status]").inner_text() == answer.get_attribute("data-feedback")
    assert quiz.get_by_role("radiogroup").count() == 1


def test_a_copied_cell_is_the_notebooks(browser, address):
    tab = new_tab(browser, address, permissions=["clipboard-read", "clipboard-write"])
    tab.goto(address + STACK)
    cell = tab.locator("div.cell:not(.tag_hide-cell) div.cell_input").nth(2)
    cell.hover()
    cell.locator(".copybtn").click()
    tab.wait_for_selector(".copybtn.success")
    copied = tab.evaluate("navigator.clipboard.readText()")
    notebook = json.loads((ROOT / "book" / "chapters" / "08-mff.ipynb").read_text())
    assert copied.strip() in ["".join(cell["source"]).strip() for cell in notebook["cells"]]
    assert tab.wrong == []
    tab.context.close()


def ground(tab):
    """How light the page's ground is, 0 to 255."""
    colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(int(number) for number in colour.strip("rgb()").split(","))


def test_the_theme_follows_the_machine_until_the_reader_chooses(browser, address):
    tab = new_tab(browser, address, color_scheme="dark")
    tab.goto(address + FIRST)
    assert ground(tab) < 64
    button = tab.locator("button.theme-switch-button:visible").first
    while tab.evaluate("document.documentElement.dataset.mode") != "light":
        button.click()
    assert ground(tab) > 192
    tab.reload()
    assert ground(tab) > 192
    assert tab.wrong == []
    tab.context.close()


@pytest.fixture(scope="module")
def searcher(browser, site):
    """A tab for the search page, as a reader opens it from the disk."""
    tab = new_tab(browser, site.as_uri())
    yield tab
    assert tab.wrong == []
    tab.context.close()


def search(tab, where, words):
    """The addresses that the search page lists."""
    tab.goto(f"{where}/search.html?q={words.replace(' ', '+')}")
    tab.wait_for_function("document.querySelector('#search-results p')?.innerText.includes('Search finished')")
    return tab.eval_on_selector_all("#search-results ul.search a", "links => links.map((link) => link.href)")


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.name)
def test_the_search_finds_a_chapter_from_the_disk(searcher, site, chapter):
    title = " ".join(re.findall(r"\w+", chapter.title))
    assert any(f"/{chapter.name}.html" in link for link in search(searcher, site.as_uri(), title))


def test_the_search_shows_excerpts_where_a_host_serves_it(browser, address):
    tab = new_tab(browser, address)
    assert search(tab, address.rstrip("/"), "broadcasting")
    tab.wait_for_selector("#search-results p.context")
    assert tab.wrong == []
    tab.context.close()


def test_the_root_leads_to_the_first_page(browser, address):
    tab = new_tab(browser, address)
    tab.goto(f"{address}index.html")
    tab.wait_for_url(f"{address}{FIRST}")
    tab.context.close()
