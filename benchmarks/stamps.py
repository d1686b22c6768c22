"""What a number depends on, definition by definition: found in the source, never declared.

From an entry point names are followed through the repository's own modules. Of each function, method, class and
constant that is reached a hash is taken, of what it computes alone: docstrings, comments, annotations, layout, the
words of errors and prints, the names of locals, of modules and of definitions are not in it, so that moving and
renaming change nothing. Nothing is imported: the standard library is enough, on any Python from 3.11 on.

How names are followed:

* A name that a module defines or imports is followed to its definition; an attribute of a module likewise.
* Which object a method is called on is not known. So a method of a class that is reached is reached when some reached
  definition mentions its name as an attribute; dunder methods and `HOOKS`, which libraries call, always.
* A dictionary that is looked up by a name from outside (`TABLES`) is followed where that name is: a system's where the
  experiment names the system, another entry where a reached definition holds its key as a string.

What this does not see, a call of `getattr` with a computed name for instance, a test finds: it runs the experiments'
probes and compares the code that was executed with what was reached (tests/test_stamps.py).
"""

import ast
import builtins
import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("mffcn_lite", "benchmarks", "book")  # of the repository's own modules
HOOKS = {"forward", "extra_repr"}  # methods that torch calls
BUILTINS = set(dir(builtins))
# Dictionaries whose entries are followed one by one: "names" where the experiment names them, "strings" where a reached
# definition holds the key.
TABLES = dict.fromkeys(("SYSTEMS", "LOSSES", "TERMS", "GRIDS"), "names")
TABLES |= dict.fromkeys(("RECIPES", "SETS", "KERNELS"), "strings")
# Where a walk ends: what says how something was made, and whether it is up to date, has no part in the number.
ENDS = {"benchmarks.table", "benchmarks.stamps", "benchmarks.probes", "benchmarks.helpers.storing"}
ENDS |= {"mffcn_lite.provenance"}
REGISTRY = "exercise"  # the decorator whose argument is a key: its functions are entries of a table
DIGITS = 12
Key = tuple[str, str]  # (module, qualified name)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def digest(content: object) -> str:
    """A short hash of what `repr` says."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:DIGITS]


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def targets(node: ast.stmt) -> Iterator[str]:
    """The names that a statement binds in its own scope, functions and classes among them; imports apart."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


def written(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module binds, or whose content it changes: `X = …`, `X += …`, `X["key"] = …`."""
    yield from targets(node)
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store) and isinstance(part.value, ast.Name):
            yield part.value.id


def alias_of(alias: ast.alias) -> tuple[str, str]:
    """(the name that `import …` binds, the module behind it)."""
    return (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0], alias.name.split(".")[0])


@dataclass
class Module:
    """A file of Python: what it defines and what it imports, by name."""

    name: str
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)  # a constant may have several statements
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    statements: list[ast.stmt] = field(default_factory=list)  # that bind nothing

    @classmethod
    def parse(cls, name: str, source: str) -> "Module":
        """Read a module; statements under `if __name__ == "__main__"` and `if TYPE_CHECKING` are not in it."""
        module = cls(name)
        for node in ast.parse(source).body:
            module._add(node)
        return module

    def _add(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            self.imports |= {bound: (target, None) for bound, target in map(alias_of, node.names)}
        elif isinstance(node, ast.ImportFrom):
            self.imports |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            return
        elif isinstance(node, ast.Assign) and (pairs := self._apart(node)):
            for target, value in pairs:
                self.definitions.setdefault(target.id, []).append(ast.Assign([target], value))
        elif names := [name for name in dict.fromkeys(written(node)) if name != "__all__"]:
            for name in names:
                self.definitions.setdefault(name, []).append(node)
        elif not is_text(node) and "__all__" not in set(written(node)):
            self.statements.append(node)

    @staticmethod
    def _apart(node: ast.Assign) -> list[tuple[ast.Name, ast.expr]]:
        """`A, B = 1, 2` as two assignments."""
        target, value = node.targets[0], node.value
        if len(node.targets) > 1 or not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)):
            return []
        whole = all(isinstance(one, ast.Name) for one in target.elts) and len(target.elts) == len(value.elts)
        return list(zip(target.elts, value.elts, strict=True)) if whole else []

    def class_named(self, name: str) -> ast.ClassDef | None:
        """The class, where `name` is one."""
        node = self.definitions.get(name, [None])[0]
        return node if isinstance(node, ast.ClassDef) else None


class Tree:
    """The repository's modules, read when first asked for; or all at once, by `read_all`."""

    def __init__(self, root: Path = ROOT, folders: Iterable[str] = FOLDERS):
        self.root, self.folders, self.modules = Path(root), set(folders), {}
        self.readings: dict[tuple, tuple[str, Mentions]] = {}  # definitions that were read before

    def module(self, name: str) -> Module | None:
        """The module by its dotted name; None where it is not one of the repository's."""
        if name not in self.modules:
            found = None
            if name.split(".")[0] in self.folders:
                base = self.folder(name)
                paths = [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()]
                if paths or base.is_dir():
                    found = Module.parse(name, paths[0].read_text(encoding="utf-8") if paths else "")
            self.modules[name] = found
        return self.modules[name]

    def read_all(self) -> "Tree":
        """Read everything now, so that what is written to the files later is not seen."""
        for folder in self.folders:
            for path in sorted((self.root / folder).rglob("*.py")):
                parts = path.relative_to(self.root).with_suffix("").parts
                self.module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        return self

    def folder(self, module: str) -> Path:
        """Where a package lies."""
        return self.root.joinpath(*module.split("."))

    def resolve(self, module: str, name: str) -> Key | str | None:
        """What a global name of a module is: a definition's key, the dotted name of something else, or None."""
        found = self.module(module)
        if name in found.definitions:
            return module, name
        if name in found.imports:
            target, attribute = found.imports[name]
            return target if attribute is None else self.member(target, attribute)
        return None

    def member(self, module: str, name: str) -> Key | str:
        """`module.name`: a definition's key, or a dotted name, of another module or of something outside."""
        inside = self.module(module)
        if inside is None:
            return f"{module}.{name}"
        found = self.resolve(module, name)
        if found is None and "__getattr__" in inside.definitions:  # a front door: names by a table of "module:name"
            found = next((key for table in inside.definitions for key in self._behind(module, table, name)), None)
        if found is None and REGISTRY in inside.definitions:  # whose modules offer what they have
            parts = (self.module(f"{module}.{path.stem}") for path in sorted(self.folder(module).glob("[a-z]*.py")))
            found = next(((part.name, name) for part in parts if name in part.definitions), None)
        return f"{module}.{name}" if found is None else found

    def _behind(self, module: str, table: str, name: str) -> Iterator[Key]:
        for node in self.module(module).definitions[table]:
            for entry, value in entries(node):
                if entry == name and (key := self.lazy(value)) is not None:
                    yield key

    def lazy(self, node: ast.AST) -> Key | None:
        """The definition that a string such as "mffcn_lite.models.srcnn:SRCNN" names."""
        value = node.value if isinstance(node, ast.Constant) else None
        module, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
        if colon and name.isidentifier() and self.module(module) is not None:
            found = self.member(module, name)
            return found if isinstance(found, tuple) else None
        return None

    def method(self, key: Key) -> tuple[ast.AST, ...] | None:
        """The nodes of a key "Class.method"."""
        name, _, attribute = key[1].partition(".")
        found = self.module(key[0]).class_named(name)
        nodes = [node for node in found.body if isinstance(node, FUNCTIONS) and node.name == attribute]
        return tuple(nodes)

    def title(self, key: Key) -> str:
        """A definition's name for people: `metrics.psnr` where its package offers it, or `recording.validate`."""
        module, name = key
        package, _, stem = module.rpartition(".")
        first = name.split(".")[0]
        above = self.module(package) if package.count(".") else None
        if above is not None and above.imports.get(first, ("", ""))[0] == module:
            stem = package.rpartition(".")[2]
        return f"{stem}.{name}"


def entries(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Key and value of each constant string key of the dictionaries in a statement `X = {…}` or `X = {…} | {…}`."""
    value = getattr(node, "value", None)
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, ast.BinOp):
            parts += [part.left, part.right]
        if isinstance(part, ast.Dict):
            for key, one in zip(part.keys, part.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, one


@dataclass
class Mentions:
    """What a definition mentions."""

    keys: list[Key] = field(default_factory=list)  # definitions of ours, in the order of their first mention
    arguments: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    keywords: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)  # methods of ours, by their names


class Reader(ast.NodeVisitor):
    """One definition as nested tuples that hold what it computes and no more, with what it mentions.

    Args:
        tree: where names are looked up.
        module: of the definition.
        fixed: names of arguments that are part of calls.
        methods: names of methods that are followed.
        text: keep the words of errors and prints too.
        cut: for a table, the keys whose entries are followed.
    """

    def __init__(self, tree: Tree, module: str, fixed: set[str], methods: set[str], text: bool, cut: set[str] | None):
        self.tree, self.home, self.fixed, self.methods, self.text, self.cut = tree, module, fixed, methods, text, cut
        self.found, self.scopes, self.count = Mentions(), [], itertools.count()

    def read(self, nodes: Iterable[ast.AST]) -> tuple:
        """All nodes of a definition."""
        return tuple(self.plain(node) for node in nodes)

    # ------------------------------------------------------------------------------------------------ names

    def key(self, key: Key) -> tuple:
        """A mention of a definition of ours: by its place in the order of mentions, not by its name."""
        if key not in self.found.keys:
            self.found.keys.append(key)
        return "ours", self.found.keys.index(key)

    def named(self, found: Key | str) -> tuple:
        return self.key(found) if isinstance(found, tuple) else ("outside", found)

    def name(self, name: str) -> tuple:
        """A name: a local by its number, a definition of ours, or something from outside."""
        for scope in reversed(self.scopes):
            if name in scope:
                if isinstance(scope[name], tuple):  # imported in a function
                    return self.named(scope[name][0])
                if scope[name] is None:
                    scope[name] = next(self.count)
                return "local", scope[name]
        found = self.tree.resolve(self.home, name)
        return ("name", name) if found is None else self.named(found)

    def dotted(self, node: ast.AST) -> Key | str | None:
        """What `a.b.c` is where `a` is a module, ours or not."""
        if isinstance(node, ast.Name):
            for scope in reversed(self.scopes):
                if node.id in scope:
                    return scope[node.id][0] if isinstance(scope[node.id], tuple) else None
            return self.tree.resolve(self.home, node.id)
        if isinstance(node, ast.Attribute) and isinstance(above := self.dotted(node.value), str):
            return self.tree.member(above, node.attr)
        return None

    def bound(self, nodes: Iterable[ast.AST]) -> dict:
        """The names that are bound in a scope, without those of the scopes in it."""
        names, todo = {}, list(nodes)
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names[node.id] = None
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                names[node.name] = None
                todo += node.decorator_list
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                names[node.name] = None
            elif isinstance(node, ast.Import):
                names |= {name: (target,) for name, target in map(alias_of, node.names)}
            elif isinstance(node, ast.ImportFrom):
                names |= {a.asname or a.name: (self.tree.member(node.module, a.name),) for a in node.names}
            if not isinstance(node, (*SCOPES, ast.ClassDef)):
                todo += ast.iter_child_nodes(node)
            elif not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):  # := in a comprehension is bound outside
                todo += [part for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
        return names

    # ------------------------------------------------------------------------------------------------ nodes

    def plain(self, node: object) -> object:
        """A node as nested tuples."""
        if isinstance(node, list):
            return tuple(plain for one in node if (plain := self.plain(one)) is not None)
        if not isinstance(node, ast.AST):
            return node
        special = getattr(self, f"_{type(node).__name__}", None)
        return special(node) if special else self.fields(node)

    def fields(self, node: ast.AST) -> tuple:
        """Its type and its fields, without empty ones: versions of Python have more or fewer of those."""
        skipped = ("ctx", "type_comment", "type_params", "kind", "returns")
        named = ((name, self.plain(value)) for name, value in ast.iter_fields(node) if name not in skipped)
        return (type(node).__name__, *((name, value) for name, value in named if value not in (None, ())))

    def _Name(self, node):
        return self.name(node.id)

    def _Attribute(self, node):
        found = self.dotted(node)
        if found is not None:
            return self.named(found)
        made = self.dotted(node.value.func) if isinstance(node.value, ast.Call) else None
        if isinstance(made, str) and made.rpartition(".")[2][:1].isupper():  # of an object of somebody else's class
            return "attribute", node.attr, self.plain(node.value)
        self.found.attributes.add(node.attr)
        if node.attr in self.methods:
            if node.attr not in self.found.messages:
                self.found.messages.append(node.attr)
            return "method", self.found.messages.index(node.attr), self.plain(node.value)
        return "attribute", node.attr, self.plain(node.value)

    def _Constant(self, node):
        if isinstance(node.value, str):
            self.found.strings.add(node.value)
            if (key := self.tree.lazy(node)) is not None:
                return self.key(key)
        return "constant", repr(node.value)

    def _JoinedStr(self, node):
        parts = []
        for value in node.values:  # versions differ in where they cut the fixed parts
            if isinstance(value, ast.Constant) and parts and isinstance(parts[-1], str):
                parts[-1] += value.value
            else:
                parts.append(value.value if isinstance(value, ast.Constant) else self.plain(value))
        return "text", tuple(part for part in parts if part != "")

    def _keyword(self, node):
        if node.arg is not None:
            self.found.keywords.add(node.arg)
        return "keyword", node.arg, self.plain(node.value)

    def _Call(self, node):
        reached = ("getattr", "setattr", "attrgetter", "methodcaller")
        if isinstance(node.func, ast.Name) and node.func.id in reached:
            self.found.attributes |= {one.value for one in node.args if isinstance(one, ast.Constant) and one.value}
        return self.fields(node)

    def _arg(self, node):
        self.found.arguments.add(node.arg)
        return "argument", node.arg if node.arg in self.fixed else self.name(node.arg)

    def _within(self, node: ast.AST, names: dict) -> tuple:
        self.scopes.append(names)
        found = self.fields(node)
        self.scopes.pop()
        return found

    def _function(self, node):
        """Decorators and defaults belong to the scope outside."""
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        body = node.body if isinstance(node.body, list) else [node.body]
        body = [one for one in body if not is_text(one)] if isinstance(node, FUNCTIONS) else body
        outside = self.plain([*getattr(node, "decorator_list", []), *arguments.defaults])
        outside = (outside, tuple(self.plain(one) for one in arguments.kw_defaults))
        shared = {
            name: scope[name]
            for part in body
            for inner in ast.walk(part)
            if isinstance(inner, ast.Nonlocal)
            for name in inner.names
            for scope in self.scopes
            if name in scope
        }
        own = self.bound(body) | {one.arg: None for one in every if one is not None}
        self.scopes.append({name: value for name, value in own.items() if name not in shared})
        lists = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
        given = (*(self.plain(part) for part in lists), self.plain(arguments.vararg), self.plain(arguments.kwarg))
        inside = self.plain(body)
        self.scopes.pop()
        return "function", outside, given, inside

    def _FunctionDef(self, node):
        if self.scopes:  # a function in a function has a name there, which is a local
            return "define", self.name(node.name), self._function(node)
        return self._function(node)

    _AsyncFunctionDef, _Lambda = _FunctionDef, _function

    def _comprehension_of(self, node):
        names = {}
        for generator in node.generators:
            names |= self.bound([generator.target])
        return self._within(node, names)

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehension_of

    def _ClassDef(self, node):
        """Bases, decorators, fields; of a class of a module its methods are definitions of their own."""
        name = self.name(node.name) if self.scopes else None
        head = self.plain([*node.decorator_list, *node.bases, *node.keywords])
        nested, body = bool(self.scopes), []
        self.scopes.append({})
        for one in node.body:
            if isinstance(one, ast.AnnAssign):
                kept = [word for word in ("ClassVar", "InitVar", "KW_ONLY") if word in ast.dump(one.annotation)]
                body.append(("field", ast.unparse(one.target), kept, self.plain(one.value)))
            elif isinstance(one, ast.Assign):
                body.append(("field", [ast.unparse(target) for target in one.targets], self.plain(one.value)))
            elif isinstance(one, FUNCTIONS):
                body += [("method", one.name, self._function(one))] if nested else []
            elif not is_text(one) and not isinstance(one, ast.Pass):
                body.append(self.plain(one))
        self.scopes.pop()
        return "class", name, head, tuple(map(repr, body))

    def _AnnAssign(self, node):
        return self._Assign(ast.Assign([node.target], node.value)) if node.value is not None else None

    def _Assign(self, node):
        if not self.scopes and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            return "constant", self.table(node) if self.cut is not None else self.plain(node.value)
        return ("Assign", *(self.plain(target) for target in node.targets), self.plain(node.value))

    def table(self, node: ast.Assign) -> tuple:
        """The entries of a table that are followed, in the order of their keys: others may come and go."""
        used = sorted(((key, value) for key, value in entries(node) if key in self.cut), key=lambda entry: entry[0])
        return tuple((key, self.plain(value)) for key, value in used)

    def _Import(self, node):
        return None

    _ImportFrom = _Nonlocal = _Global = _Pass = _Import

    def _Expr(self, node):
        call = node.value
        printed = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
        if is_text(node) or (printed and not self.text):
            return None
        return self.fields(node)

    def _Raise(self, node):
        if self.text or not isinstance(node.exc, ast.Call):
            return self.fields(node)
        return "Raise", self.plain(node.exc.func)

    def _Assert(self, node):
        return ("Assert", self.plain(node.test)) if not self.text else self.fields(node)


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
        self.attributes, self.strings, self.keywords = set(HOOKS), set(self.names), set()
        self.tables = set()
        todo = list(self.start)
        while todo:
            for key in todo:
                if key not in self.reached and key[0] not in ENDS:
                    self._reach(key)
            todo = [key for key in self._waiting() if key not in self.reached]

    def _read(self, key: Key, fixed: frozenset = frozenset(), methods: frozenset = frozenset()) -> tuple:
        """(the hash of a definition, what it mentions); what was read in the same way before is not read again."""
        # A chapter names what it uses in its cells.
        cut, names = None, self.names if TABLES.get(key[1]) == "names" and not self.text else self.strings
        if key[1] in TABLES and (known := {entry for node in self.nodes(key) for entry, _ in entries(node)}):
            cut = frozenset(known & names)
        way = (key, self.text, cut)
        if way in self.tree.readings and (fixed or methods):
            found = self.tree.readings[way][1]
            way = (*way, fixed & found.arguments, methods & found.attributes)
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
        if "." in name:
            return self.tree.method(key)
        return self.tree.module(module).definitions[name]

    def _reach(self, key: Key) -> None:
        _, found = self._read(key)
        self.reached[key] = found
        self.attributes |= found.attributes
        self.strings |= found.strings
        self.keywords |= found.keywords

    def _waiting(self) -> Iterator[Key]:
        """What the reached definitions lead to: mentions, statements of their modules, methods, entries of tables."""
        for key in list(self.reached):
            if key in self.tables:  # again: more keys may be known now
                self._reach(key)
            yield from (one for one in self.reached[key].keys if one[0] not in ENDS)
            module = self.tree.module(key[0])
            if module.statements and key[1] != "(statements)":
                yield key[0], "(statements)"
            if (found := module.class_named(key[1])) is not None:
                for name in (one.name for one in found.body if isinstance(one, FUNCTIONS)):
                    if name in self.attributes or (name.startswith("__") and name.endswith("__")):
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
        fixed = frozenset(self.keywords | self.strings | {"self", "cls"})
        methods = {key[1].split(".")[1] for key in self.reached if "." in key[1]} - HOOKS
        methods = frozenset(name for name in methods if not name.startswith("__"))
        own, linked = {}, {}
        for key in self.reached:
            own[key], linked[key] = self._read(key, fixed, methods)
        by_name = {}
        for key in self.reached:
            if "." in key[1]:
                by_name.setdefault(key[1].split(".")[1], []).append(own[key])
        found = {}
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
