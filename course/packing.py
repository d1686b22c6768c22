"""Values as messages: numbers, words, arrays with dtype and shape, and bounded trees of these. No pickle.

What is no data is named by a reference, of which the two sides in `peers` know the meaning. Both sides use this file,
and only the judge's must not trust what it reads.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from course.channel import BYTES, Broken
from mffcn_lite.errors import MffcnLiteError

DEPTH, ITEMS = 40, 100_000  # of a tree
SENTENCE = 500  # characters of an error
FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
KINDS = {name: getattr(torch, name) for name in (*WHOLE, *FLOATS, "complex64", "complex128")}
# What may be raised across the channel, by its name; all else arrives as the nearest class above it that is here.
ERRORS = (
    ValueError, TypeError, KeyError, IndexError, LookupError, ZeroDivisionError, OverflowError, ArithmeticError,
    AttributeError, NameError, AssertionError, NotImplementedError, RecursionError, RuntimeError, MemoryError, OSError,
    MffcnLiteError,
)  # fmt: skip


SCALARS = (bool, np.bool_, int, np.integer, float, np.floating, str, complex, np.complexfloating)


def _scalar(value: object) -> object:
    """A single value for JSON."""
    if value is None or isinstance(value, bool | np.bool_):
        return value if value is None else bool(value)
    if isinstance(value, int | np.integer):
        return int(value) if abs(int(value)) < 10**1000 else float("inf")
    if isinstance(value, float | np.floating):
        return float(value)
    return str.__str__(value) if isinstance(value, str) else {"complex": [float(value.real), float(value.imag)]}


class Opaque:
    """Something that is no data and stays on the other side; it can be handed back, and nothing else."""


def raised(error: BaseException) -> list:
    """An error as data: the names of its classes, and its words."""
    try:
        words = str(error)[:SENTENCE]
    except Exception:
        words = ""
    return [[kind.__name__ for kind in type(error).__mro__][:20], words]


def error_of(data: object) -> Exception:
    """The error that `raised` told of."""
    names, words = data
    known = {kind.__name__: kind for kind in ERRORS}
    kind = next((known[name] for name in names if name in known), RuntimeError)
    return kind(str(words)[:SENTENCE])


class Packer:
    """Turns values into a message. `refer` says how what is no data is named; it may raise TypeError."""

    def __init__(self, refer: Callable[[object, "Packer"], object]):
        self.refer, self.arrays, self.size, self.items = refer, [], 0, 0
        self.mutable, self.quiet = [], False  # while quiet, nothing is noted as what may be changed

    def pack(self, value: object, depth: int = 0) -> object:
        """The value as a tree for JSON; the bytes of its arrays are in `arrays`, what may be changed in `mutable`."""
        self.items += 1
        if self.items > ITEMS or depth > DEPTH:
            raise ValueError("the answer has too many parts")
        if value is None or isinstance(value, SCALARS):
            return _scalar(value)
        if value is ...:  # a stub
            return {"ellipsis": 1}
        if (known := self.refer(value, self)) is not None:
            return known
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray):
            return self._array(value, depth)
        for name, kind in (("list", list), ("tuple", tuple), ("set", set), ("frozenset", frozenset)):
            if isinstance(value, kind):
                return self._noted(value, {name: [self.pack(item, depth + 1) for item in value]})
        if isinstance(value, Mapping):
            pairs = [[self.pack(key, depth + 1), self.pack(item, depth + 1)] for key, item in value.items()]
            return self._noted(value, {"dict": pairs})
        return self._other(value, depth)

    def _noted(self, value: object, tree: dict) -> dict:
        if not self.quiet and isinstance(value, list | dict | set | Tensor | np.ndarray):
            self.mutable.append(value)
        return tree

    def _bytes(self, content: bytes) -> int:
        self.size += len(content)
        if self.size > BYTES:
            raise ValueError("the answer is too large")
        self.arrays.append(content)
        return self.size - len(content)

    def _tensor(self, value: Tensor) -> dict:
        flat = value.detach()
        flat = flat.to_dense() if flat.layout != torch.strided else flat
        flat = flat.dequantize() if flat.is_quantized else flat
        flat = flat.cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        kind = str(flat.dtype).removeprefix("torch.")
        if kind not in KINDS:
            raise TypeError(f"arrays of {kind} can't be sent")
        place = self._bytes(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
        return self._noted(value, {"tensor": [kind, list(value.shape), place, value.requires_grad]})

    def _array(self, value: np.ndarray, depth: int) -> dict:
        if value.dtype.kind not in "biufc" or value.dtype.itemsize > 16:
            return self.pack(value.tolist(), depth + 1)
        plain = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
        place = self._bytes(plain.tobytes())
        return self._noted(value, {"array": [plain.dtype.str, list(value.shape), place]})

    def _other(self, value: object, depth: int) -> object:
        """What can be read as an array, a number or a row of values."""
        if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):  # the latter: a picture of PIL's
            return self._array(np.asarray(value), depth)
        if hasattr(value, "__float__"):
            return float(value)
        if isinstance(value, Iterable):
            return {"list": [self.pack(item, depth + 1) for item in itertools.islice(iter(value), ITEMS)]}
        raise TypeError(f"a {type(value).__name__} is no answer")


class Reader:
    """Turns a message back into values. `resolve` says what the references of `Packer.refer` mean."""

    def __init__(self, arrays: bytes, resolve: Callable[[str, object, "Reader"], object], finite: bool = False):
        self.arrays, self.resolve, self.finite, self.mutable, self.quiet = arrays, resolve, finite, [], False
        self.left = len(arrays)  # bytes that no array has taken: a message that names some twice would grow without end

    def read(self, tree: object) -> object:
        """The value of a tree.

        Raises:
            Broken: if it is none.
        """
        try:
            return self._read(tree)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, RuntimeError) as error:
            if isinstance(error, NotANumber):
                raise
            raise Broken("a message is no message") from error

    def _read(self, tree: object) -> object:
        if isinstance(tree, float) and self.finite and math.isnan(tree):
            raise NotANumber
        if not isinstance(tree, dict):
            if isinstance(tree, list):
                raise ValueError("a bare list")
            return tree
        ((kind, content),) = tree.items()
        if kind in ("list", "tuple", "set", "frozenset"):
            return self._noted({"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](
                [self._read(item) for item in content]
            ))  # fmt: skip
        if kind == "dict":
            return self._noted({self._read(key): self._read(value) for key, value in content})
        if kind == "ellipsis":
            return ...
        if kind == "complex":
            return complex(*map(float, content))
        if kind == "tensor":
            return self._noted(self._tensor(*content))
        if kind == "array":
            return self._noted(self._array(*content))
        return self.resolve(kind, content, self)

    def _noted(self, value: object) -> object:
        if not self.quiet and isinstance(value, list | dict | set | Tensor | np.ndarray):
            self.mutable.append(value)
        return value

    def _piece(self, count: int, size: int, place: int) -> memoryview:
        self.left -= count * size
        if min(count, place, self.left) < 0 or place + count * size > len(self.arrays):
            raise ValueError("an array that is not there")
        return memoryview(self.arrays)[place : place + count * size]

    def _tensor(self, kind: str, shape: list, place: int, requires_grad: object) -> Tensor:
        dtype = KINDS[kind]
        piece = self._piece(_count(shape), torch.empty((), dtype=dtype).element_size(), place)
        if not len(piece):
            found = torch.empty(shape, dtype=dtype)
        else:
            raw = torch.frombuffer(bytearray(piece), dtype=torch.uint8)
            found = (raw != 0 if kind == "bool" else raw.view(dtype)).reshape(shape)
        if self.finite and dtype.is_floating_point and found.isnan().any():
            raise NotANumber
        return found.requires_grad_() if requires_grad is True else found

    def _array(self, kind: str, shape: list, place: int) -> np.ndarray:
        dtype = np.dtype(str(kind))
        if dtype.kind not in "biufc":
            raise ValueError("an array of something else")
        piece = self._piece(_count(shape), dtype.itemsize, place)
        found = np.frombuffer(bytearray(piece), dtype).reshape(shape)
        if self.finite and dtype.kind == "f" and np.isnan(found).any():
            raise NotANumber
        return found.astype(bool) if dtype.kind == "b" else found


class NotANumber(ValueError):
    """An answer holds NaN, with which every comparison of a check is false."""

    def __init__(self):
        super().__init__("there is a NaN in it, which is no number")


def _count(shape: list) -> int:
    if len(shape) > 30 or any(type(side) is not int or side < 0 for side in shape):
        raise ValueError("no shape")
    return math.prod(shape)


def assign(old: object, new: object) -> None:
    """Give a value the content of another of its kind, in place; where that can't be, it stays as it is."""
    with contextlib.suppress(RuntimeError, ValueError, TypeError):
        if isinstance(old, Tensor) and isinstance(new, Tensor) and old.shape == new.shape:
            with torch.no_grad():
                old.copy_(new.detach())
        elif isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and old.shape == new.shape:
            old[...] = new
        elif isinstance(old, list) and isinstance(new, list):
            old[:] = new
        elif isinstance(old, dict | set) and type(old) is type(new):
            old.clear()
            old.update(new)


def differs(a: object, b: object) -> bool:
    """Whether two values of the same kind have another content; NaN equals itself."""
    if isinstance(a, Tensor):
        a = a.detach()
        return a.shape != b.shape or a.dtype != b.dtype or not bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, np.ndarray):
        return not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, list):
        return len(a) != len(b) or any(x is not y for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) != list(b) or any(a[key] is not b[key] for key in a)
    return a != b


def copied(value: object) -> object:
    """A copy of one level, to compare with later."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return value.copy()
