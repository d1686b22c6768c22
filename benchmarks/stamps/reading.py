"""One definition, read: what it computes and no more, and what it mentions."""

import ast
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.stamps.tree import FUNCTIONS, Key, Tree, alias_of, apart, entries, is_text

SCOPES = (*FUNCTIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Mentions:
    """What a definition mentions."""

    keys: list[Key] = field(default_factory=list)  # definitions of ours, in the order of their first mention
    arguments: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    keywords: set[str] = field(default_factory=set)  # of calls of which it is not known what is called
    unpacked: set[Key] = field(default_factory=set)  # definitions that are called with `**`
    messages: list[str] = field(default_factory=list)  # methods of ours, by their names


class Reader:
    """One definition as nested tuples that hold what it computes and no more, with what it mentions.

    Args:
        tree: where names are looked up.
        module: of the definition.
        fixed: names of arguments that are part of calls; None for all.
        methods: names of methods that are followed.
        text: keep the words of errors and prints too.
        cut: for a table, the keys whose entries are followed.
    """

    def __init__(
        self,
        tree: Tree,
        module: str,
        fixed: set[str] | None = None,
        methods: set[str] = frozenset(),
        text: bool = False,
        cut: set[str] | None = None,
    ):
        self.tree, self.home, self.fixed, self.methods, self.text, self.cut = tree, module, fixed, methods, text, cut
        self.found, self.scopes, self.count = Mentions(), [], itertools.count()
        self.foreign: list[set[str]] = []  # of the functions around, the locals that hold somebody else's objects

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

    def is_foreign(self, node: ast.AST) -> bool:
        """Whether an object is of somebody else's class: `PCA(3)`, or a local that was made so and nothing else."""
        if isinstance(node, ast.Call):
            made = self.dotted(node.func)
            return isinstance(made, str) and made.rpartition(".")[2][:1].isupper()
        return isinstance(node, ast.Name) and any(node.id in names for names in self.foreign)

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
            parts = (part for one in node for part in apart(one))
            return tuple(plain for one in parts if (plain := self.plain(one)) is not None)
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
        if self.is_foreign(node.value):
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

    def _Call(self, node):
        """An argument by its place where it is known what is called, so that it may be renamed."""
        reached = ("getattr", "setattr", "attrgetter", "methodcaller")
        if isinstance(node.func, ast.Name) and node.func.id in reached:
            self.found.attributes |= {one.value for one in node.args if isinstance(one, ast.Constant) and one.value}
        called, given = self.dotted(node.func), []
        places = self.tree.arguments(called) if isinstance(called, tuple) else []
        for keyword in node.keywords:
            if keyword.arg is None and isinstance(called, tuple):
                self.found.unpacked.add(called)
            elif keyword.arg is not None and keyword.arg not in places:
                self.found.keywords.add(keyword.arg)
            place = places.index(keyword.arg) if keyword.arg in places else keyword.arg
            given.append((place, self.plain(keyword.value)))
        return "call", self.plain(node.func), self.plain(node.args), tuple(given)

    def _arg(self, node):
        self.found.arguments.add(node.arg)
        return "argument", node.arg if self.fixed is None or node.arg in self.fixed else self.name(node.arg)

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
        parts = [part for one in body for part in ast.walk(one)]
        stored = Counter(one.id for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
        made = [one.targets[0] for one in parts if isinstance(one, ast.Assign) and self.is_foreign(one.value)]
        self.foreign.append({one.id for one in made if isinstance(one, ast.Name) and stored[one.id] == 1})
        inside = self.plain(body)
        self.foreign.pop()
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
        for one in (part for statement in node.body for part in apart(statement)):
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
        """The entries of a table that are followed: others may come and go."""
        return tuple((key, self.plain(value)) for key, value in entries(node) if key in self.cut)

    def _Import(self, node):
        return None

    _ImportFrom = _Nonlocal = _Global = _Pass = _Import

    def _Expr(self, node):
        called = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
        # What is printed as JSON is read by another process.
        said = called in ("print", "warnings.warn") and "json.dumps" not in ast.unparse(node)
        if is_text(node) or (said and not self.text):
            return None
        return self.fields(node)

    def _Raise(self, node):
        if self.text or not isinstance(node.exc, ast.Call):
            return self.fields(node)
        return "Raise", self.plain(node.exc.func)

    def _Assert(self, node):
        return ("Assert", self.plain(node.test)) if not self.text else self.fields(node)
