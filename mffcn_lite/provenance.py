"""What a number was measured with."""

import ast
import functools
import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import torch

from mffcn_lite.errors import MffcnLiteError

PACKAGE = Path(__file__).parent


@functools.cache
def code_hash() -> str:
    """The first 16 digits of a SHA-256 over the package's source: which code it was, whatever its version says."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def syntax(path: Path) -> bytes:
    """What a file of Python computes: its syntax tree without docstrings, comments and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return repr(_plain(tree)).encode()


def _plain(node: object) -> object:
    """A syntax tree as nested tuples, without empty fields: versions of Python have more or fewer of those."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
    return (type(node).__name__, *((name, _plain(value)) for name, value in fields))


def modules_hash(modules: Iterable[str]) -> str:
    """The first 16 digits of a SHA-256 over what modules of the package compute, in the order of their names.

    Args:
        modules: such as `"degrade"` and `"models.mffcn"`.

    Raises:
        MffcnLiteError: if there is no such module.
    """
    digest = hashlib.sha256()
    for module in sorted(set(modules)):
        path = PACKAGE / f"{module.replace('.', '/')}.py"
        if not path.is_file():
            raise MffcnLiteError(f"mffcn_lite has no module {module}")
        digest.update(module.encode() + syntax(path))
    return digest.hexdigest()[:16]


def describe_environment(device: str | torch.device = "cpu") -> dict:
    """Versions, the code's hash, processor and threads, to be stored with every result."""
    device = torch.device(device)
    return {
        "mffcn_lite": version("mffcn-lite"),
        "code": code_hash(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {platform.machine()}",
        "threads": torch.get_num_threads(),
    }
