"""Before the package is imported: every shape in its annotations is checked in all tests."""

import contextlib
import importlib
import os
import resource
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import jaxtyping
import pytest
import torch

jaxtyping.install_import_hook("mffcn_lite", "beartype.beartype")
torch.set_num_threads(1)
# For the repository's own `book` and `course`; behind all else, so that the package is the one that is installed.
sys.path.append(str(Path(__file__).parent.parent))
# A shell that runs the tests in the background has them ignore Ctrl-C, and the programs that they start would too.
signal.signal(signal.SIGINT, signal.default_int_handler)


for flags in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # of the make that started the tests, not of those that tests start
    os.environ.pop(flags, None)

NO_SKIPS = "MFFCN_LITE_NO_SKIPS"  # set by .ci/run, which installs what the tests need


def pytest_collection_modifyitems(config, items):
    """Leave out the tests of what the lock does not hold, where it is not installed."""
    left_out = [] if find_spec("dlib") else [item for item in items if item.get_closest_marker("detect")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item):
    """A test of a GPU is for machines that have one."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no GPU on this machine")


def not_skipped(report):
    """The report of a test or of a file of tests; where nothing may be skipped, one that was skipped has failed."""
    skipped = report.skipped and not hasattr(report, "wasxfail") and "gpu" not in getattr(report, "keywords", ())
    if skipped and os.environ.get(NO_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be with {NO_SKIPS}: {report.longrepr[2]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """A skipped test proves nothing."""
    return not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Nor does a file that skips itself."""
    return not_skipped((yield))


@pytest.fixture(autouse=True)
def signals():
    """What the command does with signals ends with the test that called it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def orl():
    """The 400 photos, read once. Do not write into them."""
    from mffcn_lite.data import load_faces

    return load_faces("orl")


@pytest.fixture(scope="module")
def site():
    """The folder of the built pages."""
    folder = Path(__file__).parent.parent / "_build" / "html"
    if not folder.is_dir():
        pytest.skip("the pages are not built; run make book")
    return folder


@pytest.fixture(scope="module")
def launch(site):
    """Start a Chromium, which calls nobody by itself; with more arguments of its command line."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    chromium = importlib.import_module("book.build.make_pdf").find_browser()
    if chromium is None:
        pytest.skip("Chromium is missing; name it in the variable CHROMIUM")
    offline = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_api.sync_playwright() as playwright, contextlib.ExitStack() as started:

        def start(*arguments):
            browser = playwright.chromium.launch(executable_path=chromium, args=[*offline, *arguments])
            started.callback(browser.close)
            return browser

        yield start


@pytest.fixture(scope="module")
def browser(launch):
    """Chromium, as it is."""
    return launch()


@pytest.fixture
def unchecked(monkeypatch):
    """The annotations are not checked in such a test: a user has no checker."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def refuses(unchecked):
    """Assert that a call raises a MffcnLiteError of one line that holds the given words: the package's own errors."""
    from mffcn_lite.errors import MffcnLiteError

    def check(call, *words):
        with pytest.raises(MffcnLiteError) as caught:
            call()
        message = str(caught.value)
        assert message.strip()
        assert "\n" not in message
        for word in words:
            assert word in message

    return check


@pytest.fixture
def hints(capsys):
    """Assert that the check of an exercise refuses an answer, in one line that holds the given hint."""
    from mffcn_lite.exercises import check

    def refused(identifier, answer, hint):
        assert check(identifier, answer) is False
        said = capsys.readouterr().out
        assert hint in said
        assert said.count("\n") == 1

    return refused


@pytest.fixture(scope="session")
def unprivileged():
    """What to put before a command so that the superuser, too, may read and write only what its owner may."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is missing")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A function of an experiment's name: results are stored below another root, and this one's file is there."""
    from benchmarks.helpers import storing
    from benchmarks.table import EXPERIMENTS, Ledger

    ledger = Ledger()
    ledger.root = tmp_path
    monkeypatch.setattr(storing, "ROOT", tmp_path)
    monkeypatch.setattr(storing, "LEDGER", ledger)
    return lambda name: tmp_path / EXPERIMENTS[name].file


@pytest.fixture
def full_disk():
    """A context in which no file of this process can grow beyond some bytes: what a full disk does, without one.

    A context and not a fixture around the test: pytest's own output is a file too, when it is redirected.
    """

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
