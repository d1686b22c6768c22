"""Before the package is imported: every shape in its annotations is checked in all tests."""

import jaxtyping
import pytest
import torch

jaxtyping.install_import_hook("mffcn_lite", "beartype.beartype")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def orl():
    """The 400 photos, read once. Do not write into them."""
    from mffcn_lite.data import load_faces

    return load_faces("orl")


@pytest.fixture
def refuses(monkeypatch):
    """Assert that a call raises a MffcnLiteError of one line that holds the given words.

    The annotations are not checked in such a test: a user has no checker, and meets the package's own errors.
    """
    from mffcn_lite.errors import MffcnLiteError

    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)

    def check(call, *words):
        with pytest.raises(MffcnLiteError) as caught:
            call()
        message = str(caught.value)
        assert message.strip()
        assert "\n" not in message
        for word in words:
            assert word in message

    return check
