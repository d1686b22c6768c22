"""A student's program, in the box: runs the cells that the judge sends, and calls what the judge asks for.

python -m course.inside FD

It knows nothing of marks. Whatever stands here, the program may change: the judge is another process.
"""

import base64
import contextlib
import signal
import socket
import sys
import threading

import pandas as pd
import torch
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor
from traitlets.config import Config

from course import objects
from course.channel import Broken, Channel
from course.packing import Packer, Reader
from course.peers import Peer, is_data

PRINTED, PICTURES, SHOWN = 100_000, 2**20, 30  # of a cell: characters, bytes of pictures, things shown


class Stopped(BaseException):
    """The time is over."""


class Printed:
    """A stream that keeps the beginning of what is printed."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, name: str, outputs: list):
        self.name, self.outputs, self.left = name, outputs, PRINTED

    def write(self, text: str) -> int:
        """Keep it, if there is room."""
        kept = str(text)[: self.left]
        self.left -= len(kept)
        last = self.outputs[-1] if self.outputs else {}
        if kept and last.get("name") == self.name:
            last["text"].append(kept)
        elif kept:
            self.outputs.append({"name": self.name, "text": [kept]})
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """As a file's."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing waits."""

    def isatty(self) -> bool:
        """It is no terminal."""
        return False


class Distant:
    """An object of the judge's: its public methods and attributes, one by one."""

    def __init__(self, peer: Peer, number: int):
        vars(self).update(_peer=peer, _number=number)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.request("get", thing=self._number, name=name)[0]["value"]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} can't be set")


class Shell(InteractiveShell):
    """A notebook's shell, without a window."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is none to be had."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple:
        """Figures are pictures, whatever else `%matplotlib` asks for."""
        return super().enable_matplotlib("inline")

    def _tee(self, channel: str) -> contextlib.nullcontext:
        """IPython 9 would keep all that is printed, for a history."""
        return contextlib.nullcontext()


class Program(Peer):
    """The student's side of the channel."""

    def __init__(self, channel: Channel):
        super().__init__(channel)
        self.busy, self.late, self.serving = 0, False, 0
        settings = Config()
        settings.HistoryManager.enabled = False
        settings.InteractiveShell.cache_size = 0
        settings.InteractiveShell.colors = "nocolor"
        self.shell = Shell.instance(config=settings)

    def request(self, do: str, **content: object) -> tuple[dict, Packer]:
        """As `Peer.request`, to its end: the time may be over before and behind it, and not within."""
        self.busy += 1
        try:
            with self.lock:
                if not self.serving:  # in a thread that an answer left behind
                    raise RuntimeError("the answer was given before")
                return super().request(do, **content)
        finally:
            self.busy -= 1
            if self.late and not self.busy:
                self.late = False
                raise Stopped("the time is over")

    def serve(self, message: dict, reader: Reader) -> None:
        """As `Peer.serve`."""
        self.serving += 1
        super().serve(message, reader)

    def _reply(self, reply: dict, reader: Reader, before: list, inputs: list) -> None:
        """As `Peer._reply`, when no thread waits for the judge; afterwards none may ask any more."""
        with self.lock:
            super()._reply(reply, reader, before, inputs)
            self.serving -= 1

    def stop(self, *_: object) -> None:
        """Called when the time is over."""
        if self.busy:
            self.late = True
        else:
            raise Stopped("the time is over")

    def answer(self, message: dict) -> dict:
        """Do what the judge asks for, in the time that it gives."""
        do = getattr(self, f"do_{message['do']}")
        if threading.current_thread() is not threading.main_thread():  # it has no signals, and the main one's time
            return do(message)
        signal.signal(signal.SIGALRM, self.stop)
        seconds = message.get("seconds") or 0
        signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again and again, for who catches it
        try:
            return do(message)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.late = False

    def do_run(self, message: dict) -> dict:
        """Run a cell; what it printed and showed."""
        shown: list = []
        pictures = CapturingDisplayPublisher()
        self.shell.display_pub = pictures
        self.shell.display_trap.hook = CapturingDisplayHook(shell=self.shell, outputs=pictures.outputs)
        self.shell._showtraceback = lambda kind, value, lines: shown.append(
            {"error": [kind.__name__, str(value)[:2000], [str(line)[:5000] for line in lines[-30:]]]}
        )
        kept = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Printed("stdout", shown), Printed("stderr", shown)
        try:
            self.shell.run_cell(message["source"], store_history=False)
        finally:
            sys.stdout, sys.stderr = kept
        texts = [{**part, "text": "".join(part["text"])} if "text" in part else part for part in shown]
        return {"outputs": texts + [picture_of(output) for output in pictures.outputs[:SHOWN]]}

    def do_ask(self, message: dict) -> dict:
        """The answer to an exercise."""
        self.forget()
        value = eval(message["names"], self.shell.user_ns)
        return {"value": value, "keep": self.number(value)}

    def do_call(self, message: dict) -> dict:
        """Call a function that was part of an answer."""
        value = self.things[message["thing"]](*message["args"], **message["kwargs"])
        return {"value": value, "keep": self.number(value)}

    def do_backward(self, message: dict) -> dict:
        """The slopes of a tensor that we sent, with respect to those that it was made from."""
        value, inputs = self.things[message["thing"]]
        for given in inputs:
            given.grad = None
        value.backward(message["slope"], retain_graph=True)
        return {"slopes": [given.grad for given in inputs]}

    def refer(self, value: object, packer: Packer) -> dict | None:
        """See `Peer.refer`."""
        if isinstance(value, Tensor) and value.requires_grad:
            held = value, packer.inputs
            self.things.append(held)
            return {"slope": [len(self.things) - 1, packer.pack(value.detach())]}
        if not is_data(value):
            return {"call" if callable(value) else "object": self.number(value)}
        return None

    def resolve(self, kind: str, content: object, reader: Reader) -> object:
        """See `Peer.resolve`."""
        if kind == "call":
            return self.distant(content)
        if kind == "object":
            return self.objects.setdefault(content, Distant(self, content))
        if kind == "yours":
            return self.things[content]
        if kind == "frame":
            return pd.DataFrame({name: reader.read(column) for name, column in content})
        quiet, reader.quiet = reader.quiet, True
        found = self._module(content, reader) if kind == "module" else self._state(content, reader)
        reader.quiet = quiet
        return found

    def forget(self) -> None:
        """See `Peer.forget`."""
        super().forget()
        self.objects = {}

    def _module(self, content: list, reader: Reader) -> torch.nn.Module:
        number, tree = content
        if number not in self.shared:
            self.share(number, objects.built(reader.read(tree)))
        return self.shared[number]

    def _state(self, content: list, reader: Reader) -> object:
        number, model, average, tree = content
        if number not in self.states:
            networks = [None if part is None else self._module(part, reader) for part in (model, average)]
            self.states[number] = objects.built_state(*networks, reader.read(tree))
            self.told[number] = objects.parts_of(self.states[number])
            for place, module in ((number + 1, networks[0]), (number + 2, networks[1])):
                if module is not None:
                    self.share(place, module)
        return self.states[number]


def picture_of(output: dict) -> dict:
    """What was shown, as text and as a picture; nothing that a browser would run."""
    data, kept = output.get("data", {}), {}
    if isinstance(data.get("text/plain"), str):
        kept["text/plain"] = data["text/plain"][:PRINTED]
    picture = data.get("image/png")
    with contextlib.suppress(Exception):
        picture = base64.b64encode(picture).decode() if isinstance(picture, bytes) else picture
        if isinstance(picture, str) and len(picture) < PICTURES:
            kept["image/png"] = picture
    return {"shown": kept}


def main(end: int) -> None:
    """Serve the judge until it goes."""
    sys.argv = [""]
    program = Program(Channel(socket.socket(fileno=end)))
    program.send({"do": "ready"})
    while True:
        try:
            program.serve(*program.receive())
        except Broken:
            return
        except Stopped:  # between two requests
            continue


if __name__ == "__main__":
    main(int(sys.argv[1]))
