"""How the judge and a student's program talk: numbers, words, arrays and trees of them; nothing in it is ever executed.

A message is two lengths, JSON, and the bytes of its arrays; `packing` says what stands in it.
"""

import json
import math
import select
import socket
import struct
import time
from collections.abc import Callable

WORDS, BYTES = 4 * 2**20, 128 * 2**20  # of a message: its JSON, its arrays
HEAD = struct.Struct("<II")
EVERY = 0.2  # seconds between two looks at what a program uses


class Broken(Exception):
    """The other side is gone, or does not keep to the protocol."""


class Channel:
    """One end of a socket.

    Args:
        watch: called now and then, whether something comes or not; what it raises ends the waiting.
    """

    def __init__(self, end: socket.socket, watch: Callable[[], None] | None = None):
        self.end, self.watch, self.deadline, self.watched = end, watch, math.inf, time.monotonic()

    def send(self, message: object, arrays: list[bytes]) -> None:
        """Write a message.

        Raises:
            Broken: if nobody takes it in time, or it is too large.
        """
        words, sizes = json.dumps(message).encode(), sum(map(len, arrays))
        if len(words) > WORDS or sizes > BYTES:
            raise Broken("a message is too large")
        for part in (HEAD.pack(len(words), sizes), words, *arrays):
            view = memoryview(part)
            while view:
                self._wait(writing=True)
                try:
                    view = view[self.end.send(view, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise Broken("the program ended") from error

    def receive(self) -> tuple[object, bytes]:
        """The next message: its tree, and the bytes of its arrays.

        Raises:
            Broken: if there is none in time, or it is none.
        """
        words, sizes = HEAD.unpack(self._read(HEAD.size))
        if words > WORDS or sizes > BYTES:
            raise Broken("a message is too large")
        tree, arrays = self._read(words), self._read(sizes)
        try:
            return json.loads(tree), arrays
        except (ValueError, RecursionError) as error:
            raise Broken("a message is no message") from error

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait()
            try:
                part = self.end.recv(min(size - len(parts), 2**20), socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Broken("the program ended") from error
            if not part:
                raise Broken("the program ended")
            parts += part
        return bytes(parts)

    def _wait(self, writing: bool = False) -> None:
        """Until something can be read or written."""
        ends = ([], [self.end], []) if writing else ([self.end], [], [])
        while True:
            now = time.monotonic()
            left = self.deadline - now
            if left <= 0:
                raise Broken("it did not answer in time")
            if self.watch and now - self.watched >= EVERY:  # also while a byte comes now and then
                self.watched = now
                self.watch()
            if any(select.select(*ends, min(left, EVERY))):
                return
