"""What happens beside the steps of a training: the log, validation, checkpoints, TensorBoard, and a loss gone wrong."""

import json
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import degrade
from mffcn_lite.errors import MffcnLiteError, check_number
from mffcn_lite.files import replacing
from mffcn_lite.metrics import psnr
from mffcn_lite.models import SuperResolver
from mffcn_lite.progress import say
from mffcn_lite.training import processes
from mffcn_lite.training.config import TrainingConfig, learning_rate
from mffcn_lite.training.loop import TrainingState
from mffcn_lite.training.states import list_states, save_state

SETTLE_EVERY = 20  # steps on a GPU between two looks at the losses: each look waits for it
LOG_EVERY = 100  # lines: how often metrics.jsonl grows
WINDOW = 100  # steps whose mean loss is looked at: single ones differ by their factor and their faces
DIVERGED = 100  # times the lowest mean so far is no noise any more


def validate(model: SuperResolver, faces: FaceSet, config: TrainingConfig, device: torch.device) -> dict[str, float]:
    """Mean PSNR of clamped results for each factor."""
    hr, mode = faces.floats(device), model.training
    model.eval()
    with torch.inference_mode():
        restored = {factor: model.reconstruct(hr, factor, config.kernel).clamp(0, 1) for factor in config.factors}
        results = {str(factor): psnr(sr, hr, data_range=1.0).mean().item() for factor, sr in restored.items()}
    model.train(mode)
    return results


def strip(model: SuperResolver, faces: FaceSet, config: TrainingConfig, device: torch.device) -> Tensor:
    """A picture for the eye, 1×H×W: a row for each factor, in it each photo blurred, restored and sharp."""
    hr, mode, rows = faces.floats(device), model.training, []
    model.eval()
    with torch.inference_mode():
        for factor in config.factors:
            pictures = (degrade(hr, factor, config.kernel), model.reconstruct(hr, factor, config.kernel), hr)
            rows.append(torch.cat(pictures, dim=-1).clamp(0, 1).permute(1, 2, 0, 3).flatten(2))
    model.train(mode)
    return torch.cat(rows, dim=1).cpu()


class Watch:
    """Looks at each step's loss: is it a number, and near what it was?"""

    def __init__(self, losses: Iterable[float] = ()):
        self.window: list[float] = []
        self.lowest = math.inf
        for loss in losses:
            self({"loss": loss})

    def __call__(self, terms: dict[str, float]) -> str | None:
        """What is wrong with the loss of one more step, whose weighted terms these are; None if nothing is."""
        broken = [name for name, value in terms.items() if not math.isfinite(value)]
        loss = sum(terms.values())
        if broken and len(terms) > 1:
            return f"the loss is {loss}: its term{'s' * (len(broken) > 1)} {', '.join(broken)} broke first"
        if broken:
            return f"the loss is {loss}"
        self.window.append(loss)
        if len(self.window) < WINDOW:
            return None
        mean = sum(self.window) / WINDOW
        self.window.clear()
        if mean > DIVERGED * self.lowest:
            return f"the loss diverges: {mean:.3g} on the mean of {WINDOW} steps, after {self.lowest:.3g}"
        self.lowest = min(self.lowest, mean)
        return None


def read_line(line: str) -> tuple[int, float] | None:
    """(step, loss) of a line of `metrics.jsonl`; None if it is none."""
    try:
        content = json.loads(line)
        step, loss = content["step"], content["loss"]
        check_number("step", step, at_least=1, whole=True)
        check_number("loss", loss)
        return step, float(loss)
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MffcnLiteError):
        return None


class Log:
    """`metrics.jsonl`, a line a step: the step, the loss, its terms where there are several, validation scores.

    Args:
        path: the file; the good lines that it holds already are kept up to step `kept`, and if some of these are lost,
            a line on standard error says so.

    Raises:
        MffcnLiteError: if the file cannot be written.
    """

    def __init__(self, path: Path, kept: int):
        self.path, self.new, good = path, [], {}
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for i, line in enumerate(before.split("\n"), start=1):
            found = read_line(line)
            if found and found[0] <= kept:  # what came after the checkpoint is forgotten
                step, loss = found
                if step not in good or step == i:  # where two lines say the same step, one is damaged: not the step-th
                    good[step] = (line, loss)
        self.losses = [good[step][1] for step in sorted(good)]
        if len(good) < kept:
            lost = kept - len(good)
            say(f"{path} is damaged: the lines of {lost} of {kept} steps are lost; the run goes on")
        if before:
            with replacing(path) as temporary:
                temporary.write_text("".join(f"{good[step][0]}\n" for step in sorted(good)), encoding="utf-8")

    def add(self, line: dict) -> None:
        """One more line."""
        self.new.append(json.dumps(line) + "\n")
        if len(self.new) == LOG_EVERY:
            self.flush()

    def flush(self, to_disk: bool = False) -> None:
        """Write what is new; with `to_disk`, past the system's memory, which a loss of power empties."""
        try:
            with self.path.open("a", encoding="utf-8") as handle:
                handle.writelines(self.new)
                if to_disk:
                    handle.flush()
                    os.fsync(handle.fileno())
        except OSError as error:
            raise MffcnLiteError(f"cannot write {self.path}: {error.strerror}; make room, then --resume") from error
        self.new.clear()


def load_writer() -> type:
    """TensorBoard's writer; imported here, since it imports much and only who asks for it has it.

    Raises:
        MffcnLiteError: if the package tensorboard is missing.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MffcnLiteError("TensorBoard is missing: pip install tensorboard, or do without it") from error
    return SummaryWriter


class Board:
    """The curves of a training, and strips of pictures, for TensorBoard."""

    def __init__(self, folder: Path, step: int):
        self.writer = load_writer()(str(folder), purge_step=step + 1)

    def add(self, line: dict, rate: float) -> None:
        """A line of the log, and the learning rate."""
        step = line["step"]
        self.writer.add_scalar("loss", line["loss"], step)
        self.writer.add_scalar("learning rate", rate, step)
        for name, value in line.get("terms", {}).items():
            self.writer.add_scalar(f"terms/{name}", value, step)
        for factor, value in line.get("validation_psnr", {}).items():
            self.writer.add_scalar(f"validation PSNR/×{factor}", value, step)

    def show(self, strip: Float[Tensor, "1 height width"], step: int) -> None:
        """A picture with values in [0, 1]: blurred, restored and sharp."""
        self.writer.add_image("blurred, restored, sharp", strip, step)

    def close(self) -> None:
        """Write what is new."""
        self.writer.close()


class Recorder:
    """What happens beside each step: losses are looked at and logged, networks validated, checkpoints written.

    On a GPU the losses stay there for `SETTLE_EVERY` steps, since reading one waits for all work in the queue.
    """

    def __init__(
        self,
        folder: Path,
        config: TrainingConfig,
        state: TrainingState,
        faces: FaceSet,
        validation: FaceSet | None,
        device: torch.device,
        board: bool,
        on_progress: Callable[[dict], None] | None,
    ):
        self.folder, self.config, self.validation, self.device = folder, config, validation, device
        self.on_progress = on_progress
        self.pending: list[tuple[int, dict[str, Tensor]]] = []
        self.every = SETTLE_EVERY if device.type == "cuda" else 1
        self.log = Log(folder / "metrics.jsonl", state.step) if processes.rank() == 0 else None
        self.watch = Watch(self.log.losses if self.log else ())
        self.board = Board(folder / "tensorboard", state.step) if board and self.log else None
        self.shown = (faces if validation is None else validation)[:4]
        self.show_every = config.validate_every or config.checkpoint_every
        self.start, self.before = time.perf_counter(), state.seconds

    def __call__(self, state: TrainingState, terms: dict[str, Tensor]) -> None:
        """After a step."""
        self.pending.append((state.step, terms))
        validating = self.validation is not None and state.step % self.config.validate_every == 0
        saving = state.step % self.config.checkpoint_every == 0
        if validating or saving or len(self.pending) >= self.every:
            self.settle(state.best if validating else None)
        if self.board and state.step % self.show_every == 0:
            self.board.show(strip(state.best, self.shown, self.config, self.device), state.step)
        if saving:
            self.save(state)

    def settle(self, to_validate: SuperResolver | None = None) -> None:
        """Look at the losses since the last time and log them, the last with the scores of a network to validate.

        Raises:
            MffcnLiteError: if one is no number, or the training diverges.
        """
        if not self.pending:
            return
        rows = torch.stack([torch.stack(list(terms.values())) for _, terms in self.pending]).tolist()
        for i, ((step, names), row) in enumerate(zip(self.pending, rows, strict=True), start=1):
            terms = dict(zip(names, row, strict=True))
            if wrong := self.watch(terms):
                last = list_states(self.folder / "checkpoints")[-1:]
                raise MffcnLiteError(
                    f"{wrong} at step {step}; start again with a lower rate, such as --set lr={self.config.lr / 4:g} "
                    f"(the last good checkpoint is {last[0] if last else 'none: it broke before the first'})"
                )
            line = {"step": step, "loss": sum(row)}
            if len(terms) > 1:
                line["terms"] = terms
            if to_validate is not None and i == len(rows):
                line["validation_psnr"] = validate(to_validate, self.validation, self.config, self.device)
            if self.log:
                self.log.add(line)
            if self.board:
                self.board.add(line, learning_rate(self.config, step - 1))
            if self.on_progress is not None:
                self.on_progress(line)
        self.pending.clear()

    def save(self, state: TrainingState) -> None:
        """Write the log, and then a checkpoint, whose steps it has."""
        state.seconds = self.before + time.perf_counter() - self.start
        if self.log:
            self.log.flush(to_disk=True)
            save_state(self.folder / "checkpoints", state)

    def close(self) -> None:
        """Write what is left of the log."""
        if self.log:
            self.log.flush()
        if self.board:
            self.board.close()
