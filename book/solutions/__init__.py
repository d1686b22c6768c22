"""Reference solutions: one module a chapter, each with a dict `SOLUTIONS` from identifier to answer."""
