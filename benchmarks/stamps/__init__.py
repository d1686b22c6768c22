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

from benchmarks.stamps.reading import Reader
from benchmarks.stamps.tree import DIGITS, FOLDERS, ROOT, Key, Module, Tree, module_name
from benchmarks.stamps.walk import TABLES, Walk, changes, is_end, stamp

__all__ = [
    "DIGITS",
    "FOLDERS",
    "ROOT",
    "TABLES",
    "Key",
    "Module",
    "Reader",
    "Tree",
    "Walk",
    "changes",
    "is_end",
    "module_name",
    "stamp",
]
