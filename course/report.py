"""What a teacher sees of the marks: a table on the terminal, a CSV, and a page."""

import csv
import html
import io
import unicodedata

COLUMNS = ("student", "chapter", "marks", "of", "look at")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ccc; vertical-align: top; }
tr.look td { background: #fff3d6; }
summary { cursor: pointer; }
"""


def lines(journal: dict, to_read: dict[str, list[str]]) -> list[dict]:
    """A line for each submission.

    Args:
        to_read: of each assignment, the exercises that a person reads too.
    """
    found = []
    for entry in (journal[name] for name in sorted(journal)):
        rows = entry["marks"]
        told = [
            row["said"] if row.get("whole", True) else f"{row['exercise']}: {row['said']}"
            for row in rows
            if row["said"]
        ]
        said, texts = list(dict.fromkeys(told)), to_read.get(rows[0]["assignment"], ())
        texts = [row["exercise"] for row in rows if row["mark"] and row["exercise"] in texts]
        look = [*said, *([f"read {', '.join(texts)}"] if texts else [])]
        found.append(
            {
                "student": rows[0]["student"],
                "chapter": rows[0]["assignment"].removeprefix("chapter-"),
                "marks": sum(row["mark"] for row in rows),
                "of": sum(row["of"] for row in rows),
                "look at": "; ".join(look),
                "exercises": {row["exercise"]: (row["mark"], row["of"]) for row in rows},
                "alarm": bool(said),
            }
        )
    return found


def as_text(found: list[dict]) -> str:
    """The table for a terminal."""
    cells = [
        [printable(f"{line[key]:g}" if key in ("marks", "of") else line[key]) for key in COLUMNS] for line in found
    ]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [COLUMNS, *cells]
    )


def printable(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(character if character.isprintable() else "?" for character in text)


def as_page(found: list[dict]) -> str:
    """The table as a page on its own: no script, nothing from elsewhere."""
    rows = []
    for line in found:
        each = ", ".join(f"{name}: {mark:g} of {of:g}" for name, (mark, of) in line["exercises"].items())
        marks = f"<details><summary>{line['marks']:g} of {line['of']:g}</summary>{html.escape(each)}</details>"
        rows.append(
            f"<tr{' class=look' if line['alarm'] else ''}><td>{html.escape(printable(line['student']))}</td>"
            f"<td>{html.escape(line['chapter'])}</td><td>{marks}</td>"
            f"<td>{html.escape(printable(line['look at']))}</td></tr>"
        )
    head = "<tr><th>Student</th><th>Chapter</th><th>Marks</th><th>Look at</th></tr>"
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Marks</title>',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{STYLE}</style></head>',
            f"<body><h1>Marks</h1><table><thead>{head}</thead><tbody>",
            *rows,
            "</tbody></table></body></html>\n",
        ]
    )


def as_csv(journal: dict) -> str:
    """A line for each exercise. What a spreadsheet would take for a formula begins with an apostrophe."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, ("student", "assignment", "exercise", "mark", "of", "said"), extrasaction="ignore")
    writer.writeheader()
    for name in sorted(journal):
        for row in journal[name]["marks"]:
            writer.writerow({key: _harmless(value) if isinstance(value, str) else value for key, value in row.items()})
    return stream.getvalue()


def _harmless(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).lstrip()  # some take a wide "＝" for a "="
    return f"'{text}" if plain.startswith(("=", "+", "-", "@")) else text
