"""What is stored with each result."""

import pytest
import torch

from mffcn_lite import provenance
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.provenance import describe_environment, modules_hash


def test_the_environment_holds_what_a_number_depends_on():
    found = describe_environment()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["device"].startswith("CPU")


def test_a_hash_of_modules_changes_with_what_they_compute_and_not_with_words(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    (tmp_path / "models").mkdir()
    one, two = tmp_path / "one.py", tmp_path / "models" / "two.py"
    one.write_text('"""Words."""\ndef f(x):\n    """More."""\n    return x + 1\n')
    two.write_text("TWO = 2\n")
    before = modules_hash(["one", "models.two"])
    one.write_text('"""Other words."""\n\n\ndef f(x):  # a comment\n    return x + 1\n')
    assert modules_hash(["models.two", "one", "one"]) == before
    one.write_text("def f(x):\n    return x + 2\n")
    assert modules_hash(["one", "models.two"]) != before
    assert modules_hash(["one"]) != modules_hash(["models.two"])
    with pytest.raises(MffcnLiteError, match="no module three"):
        modules_hash(["three"])
