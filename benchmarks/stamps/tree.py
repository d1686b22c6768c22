"""The repository's modules as syntax: what each defines and imports, and what a name in it is. Nothing is imported."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("mffcn_lite", "benchmarks", "book")  # of the repository's own modules
REGISTRY = "exercise"  # the decorator whose argument is a key: its functions are entries of a table
DIGITS = 12  # of a hash
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Key = tuple[str, str]  # (module, qualified name)


def module_name(file: Path) -> str:
    """The dotted name of a module, by its file below the root."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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


def apart(node: ast.stmt) -> list[ast.stmt]:
    """`a = b = 1` and `a, b = 1, 2` as two statements, where no later value uses what an earlier one gave."""
    if not isinstance(node, ast.Assign):
        return [node]
    targets, values = node.targets, [node.value] * len(node.targets)
    if len(targets) == 1 and isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
        targets, values = targets[0].elts, node.value.elts
    given = [target.id for target in targets if isinstance(target, ast.Name)]
    if len(given) != len(targets) or len(targets) != len(values):
        return [node]
    used = [{one.id for one in ast.walk(value) if isinstance(one, ast.Name)} for value in values]
    if any(name in later for i, name in enumerate(given) for later in used[i + 1 :]):
        return [node]
    return [ast.Assign([target], value) for target, value in zip(targets, values, strict=True)]


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
    main: list[ast.stmt] = field(default_factory=list)  # under `if __name__ == "__main__"`

    @classmethod
    def parse(cls, name: str, source: str) -> "Module":
        """Read a module."""
        module = cls(name)
        for node in ast.parse(source).body:
            module._add(node)
        return module

    def _add(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = {bound: (target, None) for bound, target in map(alias_of, node.names)}
            if isinstance(node, ast.ImportFrom):
                found = {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
            self.imports |= found
            for name in found:  # the last one counts
                self.definitions.pop(name, None)
        elif isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            self.main.append(node)
        elif len(parts := apart(node)) > 1:
            for part in parts:
                self._add(part)
        elif names := [name for name in dict.fromkeys(written(node)) if name != "__all__"]:
            for name in names:
                self.definitions.setdefault(name, []).append(node)
        elif not is_text(node) and "__all__" not in set(written(node)):
            self.statements.append(node)

    def class_named(self, name: str) -> ast.ClassDef | None:
        """The class, where `name` is one."""
        node = self.definitions.get(name, [None])[0]
        return node if isinstance(node, ast.ClassDef) else None


class Tree:
    """The repository's modules, read when first asked for; or all at once, by `read_all`."""

    def __init__(self, root: Path = ROOT, folders: Iterable[str] = FOLDERS):
        self.root, self.folders, self.modules = Path(root), set(folders), {}
        self.behind: dict[str, set[str]] = {}  # by module, all that it imports, directly or not
        self.readings: dict[tuple, tuple] = {}  # (hash, mentions) of definitions that were read before

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
                self.module(module_name(path.relative_to(self.root)))
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

    def imported(self, module: str) -> set[str]:
        """Our modules that an import of `module` runs: itself, what it imports, and the packages around these."""
        if module not in self.behind:
            found, todo = set(), [module]
            while todo:
                name = todo.pop()
                if name in found or self.module(name) is None:
                    continue
                found.add(name)
                todo.append(name.rpartition(".")[0])
                for target, attribute in self.module(name).imports.values():
                    todo += [target, f"{target}.{attribute}"]
            self.behind[module] = found
        return self.behind[module]

    def arguments(self, key: Key) -> list[str]:
        """The names of a function's arguments in their order; of a class none, as its fields are named in calls."""
        node = self.module(key[0]).definitions[key[1]][0] if "." not in key[1] else self.method(key)[0]
        given = node.args if isinstance(node, FUNCTIONS) else None
        return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)] if given else []

    def is_foreign(self, key: Key) -> bool:
        """Whether a class extends somebody else's, who may call any of its methods; torch's modules apart."""
        for base in self.module(key[0]).class_named(key[1]).bases:
            name, _, rest = ast.unparse(base).partition(".")
            found = self.resolve(key[0], name)
            found = f"{found}.{rest}" if isinstance(found, str) and rest else found
            if isinstance(found, str) and found != "torch.nn.Module":
                return True
        return False

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
