"""Who uses what: below each term of the glossary, and each entry of the API reference, the chapters that do.

Sphinx calls this file while it reads the pages, so nothing of it is stored.
"""

import ast
import functools
import importlib
import inspect
import re

from book.build.contents import chapters, links


def used_terms(terms: list[str]) -> dict[str, tuple[int | None, list[int]]]:
    """For each term the chapter that has it in bold first, and all chapters from there on that use it."""
    found = {}
    for term in terms:
        words = r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]", term))
        plural = rf"{words[:-1]}(?:y|ies)" if term.endswith("y") else rf"{words}(?:e?s)?"
        exact = 0 if any(letter.isupper() for letter in term[1:]) else re.IGNORECASE
        defined = next((c.number for c in chapters() if re.search(rf"\*\*{plural}\*\*", c.prose, exact)), None)
        used = [c.number for c in chapters() if re.search(rf"(?<!\w){plural}(?!\w)", c.prose, exact)]
        found[term] = defined, [n for n in used if defined is None or n >= defined]
    return found


def add_chapters(glossary: str) -> str:
    """The glossary's page with a line of chapters below each definition."""
    head, body = glossary.split("```{glossary}\n")
    body, tail = body.split("\n```", 1)
    entries = [entry.split("\n", 1) for entry in body.split("\n\n")]
    where = used_terms([term for term, _ in entries])
    parts = []
    for term, definition in entries:
        defined, used = where[term]
        others = [number for number in used if number != defined]
        lines = [f"defined in chapter {links([defined])}"] if defined is not None else []
        if others:
            lines.append(f"{'also in' if lines else 'in'} {links(others)}")
        parts.append(f"{term}\n{definition}" + (f"\n\n  *{'; '.join(lines)}*" if lines else ""))
    return f"{head}```{{glossary}}\n" + "\n\n".join(parts) + f"\n```{tail}"


def _full_name(thing, fallback: str) -> str:
    if inspect.ismodule(thing):
        return thing.__name__
    return f"{thing.__module__}.{thing.__qualname__}" if hasattr(thing, "__qualname__") else fallback


@functools.cache
def used_names() -> dict[str, list[int]]:
    """Which chapters use a module, class or function of the package: in their code, or by a link."""
    found: dict[str, set] = {}
    for c in chapters():
        names = set(re.findall(r"\{(?:func|class|mod|meth)\}`~?(mffcn_lite[\w.]*)`", c.prose))
        tree = ast.parse(re.sub(r"^( *)%.*$", r"\1pass", c.code, flags=re.MULTILINE))
        modules = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mffcn_lite"):
                for alias in node.names:
                    source = importlib.import_module(node.module)
                    thing = getattr(source, alias.name, None) or importlib.import_module(f"{node.module}.{alias.name}")
                    names.add(_full_name(thing, f"{node.module}.{alias.name}"))
                    if inspect.ismodule(thing):
                        modules[alias.asname or alias.name] = thing
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                thing = getattr(modules[node.value.id], node.attr)
                names.add(_full_name(thing, f"{modules[node.value.id].__name__}.{node.attr}"))
        for name in names:
            found.setdefault(name, set()).add(c.number)
    return {name: sorted(numbers) for name, numbers in found.items()}


def _read_page(app, name: str, content: list[str]) -> None:
    if name == "book/glossary":
        content[0] = add_chapters(content[0])


def _read_docstring(app, what: str, name: str, thing, options, lines: list[str]) -> None:
    numbers = used_names().get(_full_name(thing, name), []) or used_names().get(name, [])
    if numbers:
        lines += ["", f"*In chapters* {links(numbers, ':doc:`{number} </book/chapters/{name}>`')}", ""]


def setup(app) -> dict:
    """Called by Sphinx; see `_config.yml`."""
    app.connect("source-read", _read_page)
    app.connect("autodoc-process-docstring", _read_docstring, priority=900)  # after napoleon
    return {"parallel_read_safe": True}
