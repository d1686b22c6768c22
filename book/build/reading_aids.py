"""What Sphinx writes for those who listen to a page, mended: the works of a bibliography are items of its list."""


def mend_roles(app, pagename, templatename, context, doctree) -> None:
    """ARIA has given up `doc-biblioentry`, and a `list` may hold nothing but a `listitem`."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app) -> dict:
    """Called by Sphinx."""
    app.connect("html-page-context", mend_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
