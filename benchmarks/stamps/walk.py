"""From entry points to all that they reach, and the stamp of it; two stamps compared."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.stamps.reading import Mentions, Reader
from benchmarks.stamps.tree import DIGITS, FUNCTIONS, REGISTRY, Key, Tree, entries

# Methods that torch calls.
HOOKS = {"forward", "extra_repr", "_apply", "_load_from_state_dict", "_save_to_state_dict", "set_extra_state"}
# Dictionaries whose entries are followed one by one: "names" where the experiment names them, "strings" where a reached
# definition holds the key.
TABLES = dict.fromkeys(("SYSTEMS", "LOSSES", "TERMS", "GRIDS"), "names")
TABLES |= dict.fromkeys(("RECIPES", "SETS", "KERNELS"), "strings")
# Where a walk ends: what says how something was made, and whether it is up to date, has no part in the number.
ENDS = (
    "benchmarks.table",
    "benchmarks.stamps",
    "benchmarks.probes",
    "benchmarks.helpers.storing",
    "mffcn_lite.errors",
    "mffcn_lite.progress",
    "mffcn_lite.provenance",
)


def is_end(module: str) -> bool:
    """Whether a walk does not enter a module."""
    return module.startswith(ENDS)


def digest(content: object) -> str:
    """A short hash of what `repr` says."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:DIGITS]


@dataclass
class Walk:
    """All definitions that are reached from some, and what they mention.

    Args:
        tree: the repository's modules.
        start: the entry points.
        names: systems, and others that tables are looked up by.
        text: for chapters, whose outputs show what is printed.
    """

    tree: Tree
    start: tuple[Key, ...]
    names: frozenset[str] = frozenset()
    text: bool = False

    def __post_init__(self):
        self.reached: dict[Key, Mentions] = {}
        self.attributes, self.strings, self.keywords, self.unpacked = set(HOOKS), set(self.names), set(), set()
        self.tables = set()
        todo = list(self.start)
        while todo:
            for key in todo:
                if key not in self.reached and not is_end(key[0]):
                    self._reach(key)
            todo = [key for key in self._waiting() if key not in self.reached]

    def _read(self, key: Key, fixed: frozenset | None = frozenset(), methods: frozenset = frozenset()) -> tuple:
        """(the hash of a definition, what it mentions); what was read in the same way before is not read again."""
        # A chapter names what it uses in its cells.
        cut, names = None, self.names if TABLES.get(key[1]) == "names" and not self.text else self.strings
        if key[1] in TABLES and (known := {entry for node in self.nodes(key) for entry, _ in entries(node)}):
            cut = frozenset(known & names)
        way = (key, self.text, cut)
        if way in self.tree.readings and (fixed is None or fixed or methods):
            found = self.tree.readings[way][1]
            way = (*way, fixed and fixed & found.arguments, methods & found.attributes)
        if way not in self.tree.readings:
            reader = Reader(self.tree, key[0], fixed, methods, self.text, cut)
            self.tree.readings[way] = digest(reader.read(self.nodes(key))), reader.found
        if cut is not None:
            self.tables.add(key)
        return self.tree.readings[way]

    def nodes(self, key: Key) -> Iterable[ast.AST]:
        """The statements of a definition."""
        module, name = key
        if name == "(statements)":
            return self.tree.module(module).statements
        if name == "(main)":
            return self.tree.module(module).main
        if "." in name:
            return self.tree.method(key)
        return self.tree.module(module).definitions[name]

    def _reach(self, key: Key) -> None:
        _, found = self._read(key)
        self.reached[key] = found
        self.attributes |= found.attributes
        self.strings |= found.strings
        self.keywords |= found.keywords
        self.unpacked |= found.unpacked

    def _waiting(self) -> Iterator[Key]:
        """What the reached definitions lead to: mentions, statements of their modules, methods, entries of tables."""
        for key in list(self.reached):
            if key in self.tables:  # again: more keys may be known now
                self._reach(key)
            yield from (one for one in self.reached[key].keys if not is_end(one[0]))
            module = self.tree.module(key[0])
            for place in self.tree.imported(key[0]):
                if self.tree.module(place).statements and not is_end(place):
                    yield place, "(statements)"
            if (found := module.class_named(key[1])) is not None:
                for name in (one.name for one in found.body if isinstance(one, FUNCTIONS)):
                    called = name in self.attributes or (name.startswith("__") and name.endswith("__"))
                    if called or self.tree.is_foreign(key):
                        yield key[0], f"{key[1]}.{name}"
        for place in {key[0] for key in self.reached if REGISTRY in self.tree.module(key[0]).definitions}:
            yield from self._registered(place)

    def _registered(self, place: str) -> Iterator[Key]:
        """The functions under `@exercise("15.1")` in the modules of a package, where "15.1" was found."""
        for path in sorted(self.tree.folder(place).glob("[a-z]*.py")):
            module = self.tree.module(f"{place}.{path.stem}")
            for one, nodes in module.definitions.items():
                for call in getattr(nodes[0], "decorator_list", ()):
                    known = isinstance(call, ast.Call) and ast.unparse(call.func) == REGISTRY
                    if known and call.args[0].value in self.strings:
                        yield module.name, one

    def titles(self) -> dict[Key, str]:
        """The name of each reached definition for people; with its whole place where two have the same."""
        names = {key: self.tree.title(key) for key in self.reached}
        count = Counter(names.values())
        return {key: name if count[name] == 1 else ".".join(key) for key, name in names.items()}

    def stamp(self) -> dict[str, str]:
        """Each reached definition by its name, in two parts: what it computes itself, and what it calls for that."""
        fixed = frozenset(self.keywords | {"self", "cls"})
        methods = {key[1].split(".")[1] for key in self.reached if "." in key[1]} - HOOKS
        methods = frozenset(name for name in methods if not name.startswith("__"))
        own, linked = {}, {}
        for key in self.reached:
            # What a class is made with may stand in a file, by name.
            named = key in self.unpacked or key[1].endswith(".__init__")
            own[key], linked[key] = self._read(key, None if named else fixed, methods)
        by_name = {}
        for key in self.reached:
            if "." in key[1]:
                by_name.setdefault(key[1].split(".")[1], []).append(own[key])
        found = {}
        for place in dict.fromkeys(key[0] for key in self.start):  # of a script read, not followed: it has many starts
            if self.tree.module(place).main:
                key = place, "(main)"
                found[self.tree.title(key)] = f"{self._read(key, None)[0]}-"
        for key, title in self.titles().items():
            links = [own.get(one, one[1]) for one in linked[key].keys]  # beyond an end, the name
            links += [sorted(by_name[name]) for name in linked[key].messages]
            found[title] = f"{own[key]}-{digest(links)}"
        return dict(sorted(found.items()))


def stamp(tree: Tree, start: Iterable[str], names: Iterable[str] = (), text: bool = False) -> dict[str, str]:
    """What is reached from entry points such as "benchmarks.experiments.tables:main", each definition with its hash.

    Raises:
        KeyError: if there is no such entry point.
    """
    keys = []
    for entry in start:
        module, _, name = entry.partition(":")
        if tree.module(module) is None or not isinstance(key := tree.member(module, name), tuple):
            raise KeyError(f"there is no {entry}")
        keys.append(key)
    return Walk(tree, tuple(keys), frozenset(names), text).stamp()


def changes(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """The definitions in which two stamps differ, by name; none where names and places alone differ.

    A definition that computes the same as before and calls what was changed is not named itself.
    """
    if sorted(old.values()) == sorted(new.values()):
        return []
    before, now = ({value.split("-")[0] for value in stamp.values()} for stamp in (old, new))
    own = {name: value.split("-")[0] for name, value in new.items()}
    gone = {name: value.split("-")[0] for name, value in old.items()}
    named = [name for name, value in own.items() if value not in before]
    named += [name for name, value in gone.items() if value not in now and name not in own]
    # The same definitions, and another of them is called; or some are new to this result, or left it.
    return sorted(named) or sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
