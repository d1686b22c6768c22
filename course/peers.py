"""The two sides of a channel: each asks the other for what it has, and answers while it waits."""

import math
import secrets
import threading
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from course import objects
from course.channel import Broken, Channel
from course.packing import ITEMS, Opaque, Packer, Reader, assign, copied, differs, error_of, raised
from mffcn_lite.training.loop import TrainingState

REQUESTS = 200_000  # that one side may make of the other for one exercise


class Peer:
    """One side.

    Attributes:
        things: what the other side may ask for, by its number.
        shared: networks that both sides have, by the number that the judge gave; `seen` is what each looked like.
    """

    def __init__(self, channel: Channel):
        self.channel, self.lock = channel, threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing is shared any more."""
        self.things, self.numbers, self.asked = [], {}, 0
        self.shared, self.seen, self.states, self.told = {}, {}, {}, {}

    def number(self, thing: object) -> int:
        """The number of something that stays here."""
        if id(thing) not in self.numbers:
            self.things.append(thing)
            self.numbers[id(thing)] = len(self.things) - 1
        return self.numbers[id(thing)]

    def request(self, do: str, **content: object) -> tuple[dict, Packer]:
        """Ask the other side, and answer what it asks meanwhile: its reply, and what was sent.

        Raises:
            Broken: if it does not reply, or replies nonsense.
            Exception: whatever the other side raised.
        """
        with self.lock:
            turn = secrets.randbits(60)
            packer = self.send({"do": do, "turn": turn, **content})
            while True:
                message, reader = self.receive()
                if message["do"] not in ("reply", "raised"):
                    self.serve(message, reader)
                elif message.get("of") == turn:  # else a thread's, that came too late for what was asked before
                    self.replied(message, packer)
                    if message["do"] == "raised":
                        raise error_of(message["error"])
                    return message, packer

    def replied(self, message: dict, packer: Packer) -> None:
        """Take over what the other side changed of what it was sent."""
        for place, value in message.get("changed", ()):
            if isinstance(place, int) and 0 <= place < len(packer.mutable):
                assign(packer.mutable[place], value)

    def serve(self, message: dict, reader: Reader) -> None:
        """Answer one request, with what it changed of what it was given."""
        self.asked += 1
        if self.asked > REQUESTS:
            raise Broken("it asked too often")
        before = [copied(value) for value in reader.mutable]
        inputs = [value for value in reader.mutable if isinstance(value, Tensor) and value.requires_grad]
        try:
            reply = {"do": "reply", "of": message.get("turn"), **self.answer(message)}
            self._reply(reply, reader, before, inputs)
        except Broken:
            raise
        except BaseException as error:  # whatever it is, the other side is told
            told = {"do": "raised", "of": message.get("turn"), "error": raised(error)}
            self._reply(told, reader, before, inputs)

    def _reply(self, reply: dict, reader: Reader, before: list, inputs: list) -> None:
        now = list(zip(reader.mutable, before, strict=True))
        changed = [[place, value] for place, (value, old) in enumerate(now) if differs(old, value)]
        self.send({**reply, **({"changed": changed} if changed else {})}, inputs)

    def answer(self, message: dict) -> dict:
        """What a request is answered with."""
        raise NotImplementedError

    def send(self, message: dict, inputs: list | None = None) -> Packer:
        """Send a message, with the news of what is shared."""
        packer = Packer(self.refer)
        packer.inputs = inputs or []
        packer.quiet = True
        news = packer.pack(self._news())
        packer.quiet = False
        tree = packer.pack(message)
        self.channel.send([news, tree], packer.arrays)
        return packer

    def receive(self) -> tuple[dict, Reader]:
        """The next message; what it told of what is shared is done."""
        content, arrays = self.channel.receive()
        reader = Reader(arrays, self.resolve)
        if not isinstance(content, list) or len(content) != 2:
            raise Broken("a message is no message")
        reader.quiet = True
        news = reader.read(content[0])
        reader.quiet, reader.finite = False, self.finite
        message = reader.read(content[1])
        if not isinstance(message, dict) or not isinstance(message.get("do"), str):
            raise Broken("a message is no message")
        self._take(news)
        return message, reader

    finite = False

    def share(self, number: int, module: nn.Module) -> None:
        """From now on both sides have it."""
        self.shared[number], self.seen[number] = module, objects.look(module)

    def _news(self) -> list:
        """What changed of what is shared since the other side was told."""
        self._networks_of_states()
        news = []
        for number, module in self.shared.items():
            now = objects.look(module)
            if told := objects.news(self.seen[number], now, differs):
                self.seen[number] = now
                news.append(["module", number, told])
        for number, state in self.states.items():  # behind the weights: it may say that they are another network's
            parts = objects.parts_of(state)
            if _apart(self.told[number], parts):
                self.told[number] = parts
                news.append(["state", number, parts])
        return news

    def _networks_of_states(self) -> None:
        """Share the networks that the states have now."""
        for number, state in self.states.items():
            for place, module in ((number + 1, state.model), (number + 2, state.ema)):
                if module is not None:
                    self.shared[place] = module

    def _take(self, news: object) -> None:
        for what, number, told in news:
            if what == "state" and number in self.states:
                objects.take_parts(self.states[number], told)
                self.told[number] = objects.parts_of(self.states[number])
                self._networks_of_states()
            elif what == "module" and number in self.shared:
                objects.take(self.shared[number], told)
                self.seen[number] = objects.look(self.shared[number])

    def refer(self, value: object, packer: Packer) -> dict | None:
        """How something that is no data is named; None for data."""
        raise NotImplementedError

    def resolve(self, kind: str, content: object, reader: Reader) -> object:
        """What a reference means."""
        raise NotImplementedError

    def distant(self, number: int) -> Callable:
        """A function of the other side's."""

        def given(*args: object, **kwargs: object) -> object:
            return self.request("call", thing=number, args=args, kwargs=kwargs)[0]["value"]

        return given


def _apart(old: object, new: object) -> bool:
    """Whether two trees differ."""
    if type(old) is not type(new):
        return True
    if isinstance(new, dict):
        return list(old) != list(new) or any(_apart(old[key], new[key]) for key in new)
    if isinstance(new, list | tuple):
        return len(old) != len(new) or any(map(_apart, old, new))
    return differs(old, new) if isinstance(new, Tensor) else old != new


def is_data(value: object) -> bool:
    """Whether a value can be sent as it is, or read as an array, a number or a row of values."""
    return isinstance(value, Tensor | np.ndarray | list | tuple | set | frozenset | dict) or (
        not callable(value)
        and any(hasattr(value, name) for name in ("__array__", "__array_interface__", "__float__", "__iter__"))
    )


class Remote(torch.autograd.Function):
    """A tensor that the other side computed, with its slope."""

    @staticmethod
    def forward(ctx, anchor, peer, number, value, *inputs):
        """The tensor as it was sent."""
        ctx.peer, ctx.number, ctx.inputs = peer, number, inputs
        return value.clone()

    @staticmethod
    def backward(ctx, slope):
        """What the other side says of each tensor that it was given."""
        found = ctx.peer.request("backward", thing=ctx.number, slope=slope.detach())[0]["slopes"]
        if not isinstance(found, list) or len(found) != len(ctx.inputs):
            raise Broken("a slope is no slope")
        return None, None, None, None, *found


class Judge(Peer):
    """The judge's side. It hands out its functions and objects as names, and believes nothing that it reads."""

    finite = True  # an answer with NaN in it is none

    def __init__(self, channel: Channel):
        super().__init__(channel)
        self.until = math.inf  # when the program is asked to stop

    def forget(self) -> None:
        """See `Peer.forget`."""
        super().forget()
        self.given = {"call": set(), "get": set()}  # the numbers of what the program may call, and read attributes of
        self.kept = {}  # what the program handed over, by its identity: (the thing, its number there)
        self.inputs = []  # which tensors a slope may be asked for
        self.broken = None  # why there can be no more answers

    def request(self, do: str, **content: object) -> tuple[dict, Packer]:
        """As `Peer.request`; what comes back can be handed to the program as its own again."""
        before = self.inputs
        try:
            reply, packer = super().request(do, **content, seconds=max(0.05, self.until - time.monotonic()))
        except Broken as error:
            self.broken = str(error)  # a check may catch it
            raise
        finally:
            self.inputs = before
        if "keep" in reply and reply.get("value") is not None:
            self.kept[id(reply["value"])] = reply["value"], reply["keep"]
        return reply, packer

    def send(self, message: dict, inputs: list | None = None) -> Packer:
        """As `Peer.send`; remembers the tensors that it sent for a call."""
        packer = super().send(message, inputs)
        if message["do"] == "call":
            self.inputs = [t for t in packer.mutable if isinstance(t, Tensor) and t.requires_grad]
        return packer

    def answer(self, message: dict) -> dict:
        """Call a function of ours, or read a public attribute."""
        do, number, name = message["do"], message["thing"], str(message.get("name", ""))
        if number not in self.given[do] or name.startswith("_"):
            raise AttributeError(f"{do} {name} is not for you")
        if do == "call":
            return {"value": self.things[number](*message["args"], **message["kwargs"])}
        return {"value": getattr(self.things[number], name)}

    def refer(self, value: object, packer: Packer) -> dict | None:
        """See `Peer.refer`."""
        if id(value) in self.kept:
            return {"yours": self.kept[id(value)][1]}
        if isinstance(value, TrainingState):
            return {"state": self._state(value, packer)}
        if isinstance(value, nn.Module):
            return {"module": self._module(value, packer)}
        if isinstance(value, pd.DataFrame):
            return {"frame": [[name, packer.pack(value[name].tolist())] for name in map(str, value.columns)]}
        if isinstance(value, Opaque):
            raise TypeError("that stays where it is")
        if is_data(value):
            return None
        number = self.number(value)
        self.given["call" if callable(value) else "get"].add(number)
        return {"call" if callable(value) else "object": number}

    def _module(self, module: nn.Module, packer: Packer, number: int | None = None) -> list:
        number = self.number(module) if number is None else number
        if number in self.shared:
            return [number, None]
        quiet, packer.quiet = packer.quiet, True
        tree = packer.pack(objects.described(module))
        packer.quiet = quiet
        self.share(number, module)
        return [number, tree]

    def _state(self, state: TrainingState, packer: Packer) -> list:
        if id(state) in self.numbers:
            return [self.numbers[id(state)], None, None, None]
        number = self.number(state)
        self.things += [None, None]  # the numbers of its two networks
        quiet, packer.quiet = packer.quiet, True
        networks = [
            None if part is None else self._module(part, packer, place)
            for place, part in ((number + 1, state.model), (number + 2, state.ema))
        ]
        parts = packer.pack(objects.described_state(state))
        packer.quiet = quiet
        self.states[number], self.told[number] = state, objects.parts_of(state)
        return [number, *networks, parts]

    def resolve(self, kind: str, content: object, reader: Reader) -> object:
        """See `Peer.resolve`. A program can name its functions, its objects and its slopes, and nothing of ours."""
        if kind == "call":
            return self.distant(int(content))
        if kind == "object":
            if len(self.kept) > ITEMS:
                raise ValueError("more objects than a tree can have")
            opaque = Opaque()
            self.kept[id(opaque)] = opaque, int(content)
            return opaque
        if kind == "slope":
            number, tree = content
            value = reader.read(tree)
            if not isinstance(value, Tensor):
                raise ValueError("a slope of no tensor")
            return Remote.apply(torch.zeros(()).requires_grad_(), self, int(number), value, *self.inputs)
        raise ValueError(f"an answer is no {kind}")
