"""What is done so far of a long preparation, on disk, so that another run goes on with it."""

import hashlib
import json
import os
from pathlib import Path

from mffcn_lite.files import write_json

WORK, PIXELS, ROWS = "work.json", "pixels", "rows.jsonl"  # its files


class Journal:
    """The photos that were looked at: `rows` in memory; in a folder `pixels`, one photo after the other (`size` bytes
    each), `rows.jsonl`, a line a photo, and `work.json`, what the work is. Other work in the folder is thrown away.
    """

    def __init__(self, folder: Path, work: dict, size: int):
        self.folder, self.size, self.rows = folder, size, []
        self.resumed = self._same_work(work)
        if not self.resumed:
            for name in (PIXELS, ROWS):
                (folder / name).unlink(missing_ok=True)
            write_json(folder / WORK, work)
        # Opened for both, not for appending: where the last run was stopped within a photo, we go back.
        self.pixels, self.lines = ((folder / name).open("a+b") for name in (PIXELS, ROWS))
        self._go_on()

    def _same_work(self, work: dict) -> bool:
        try:
            return json.loads((self.folder / WORK).read_text(encoding="utf-8")) == json.loads(json.dumps(work))
        except (OSError, ValueError):
            return False

    def _go_on(self) -> None:
        """Read what is complete, and cut off what is not: after a loss of power, any part may be missing."""
        self.pixels.seek(0)
        self.lines.seek(0)
        pixels = lines = 0
        for line in self.lines:
            try:
                row = json.loads(line) if line.endswith(b"\n") else {}
            except ValueError:
                row = {}
            if row.get("reason", "").startswith("unreadable"):  # a state of the disk, and no property of the photo
                break
            if "reason" not in row:
                content = self.pixels.read(self.size)
                if hashlib.sha256(content).hexdigest() != row.get("sha256"):
                    break
                pixels += self.size
            lines += len(line)
            self.rows.append(row)
        self.pixels.truncate(pixels)
        self.lines.truncate(lines)
        self.pixels.seek(0, os.SEEK_END)
        self.lines.seek(0, os.SEEK_END)

    def add(self, row: dict, pixels: bytes) -> None:
        """Keep a photo. Pixels first: a row without its pixels would be looked for."""
        if pixels:
            self.pixels.write(pixels)
            self.pixels.flush()
        self.lines.write(json.dumps(row).encode() + b"\n")
        self.lines.flush()
        self.rows.append(row)

    def close(self) -> None:
        """Close both files."""
        self.pixels.close()
        self.lines.close()
