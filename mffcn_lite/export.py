"""Networks for other programs: ONNX, with any height, width and batch."""

import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from mffcn_lite.degrade import cubic
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import replacing
from mffcn_lite.models import FSRCNN, MFFCN, SRCNN, SuperResolver
from mffcn_lite.progress import quiet


def enlarge_open(small: Tensor, factor: int) -> Tensor:
    """`upsample` to `factor` times the size, of a picture whose size is open: its matrices are computed on the way."""

    def matrix(side: int | torch.SymInt) -> Tensor:
        # A centre lies (phase + ½)/factor into its pixel, which whole numbers say exactly, however large the picture.
        to = torch.arange(side * factor)
        distance = torch.arange(side) - to[:, None] // factor + 0.5 - ((to % factor)[:, None] + 0.5) / factor
        weights = cubic(distance)
        return weights / weights.sum(1, keepdim=True)

    return matrix(small.shape[-2]) @ small @ matrix(small.shape[-1]).T


class _OneFactor(nn.Module):
    """FSRCNN for one factor, which it needs beside its picture."""

    def __init__(self, model: FSRCNN, factor: int):
        super().__init__()
        self.body, self.tail = model.body, model.tails[str(factor)]
        self.residual, self.factor = model.residual, factor

    def forward(self, small: Tensor) -> Tensor:
        sr = self.tail(self.body(small))
        return sr + enlarge_open(small, self.factor) if self.residual else sr


def export_onnx(model: SuperResolver, path: str | Path, factor: int | None = None) -> None:
    """Write a network to `path`, one ONNX file with its weights inside, beside and renamed.

    Its input is `blurred` (of FSRCNN `small`), N×1×H×W, float32 in [0, 1], and its output `sr`, not clamped; N, H and W
    are open. An MFFCN is fused first where that is possible. SRCNN and MFFCN take the photo enlarged bicubically as
    `mffcn_lite.degrade.upsample` does.

    Args:
        factor: which tail of FSRCNN is written.

    Raises:
        MffcnLiteError: for a system that is no network or whose computation depends on the size, a factor without
            a tail, missing packages, or a file that cannot be written.
    """
    if (isinstance(model, MFFCN) and model.stride > 1) or not isinstance(model, SRCNN | FSRCNN | MFFCN):
        can = "srcnn, nie, fsrcnn and mffcn without strides"
        raise MffcnLiteError(f"this {model.name} cannot be exported; {can} can")
    if Path(path).is_dir():
        raise MffcnLiteError(f"{path} is a folder; name the file to write, such as {path}/{model.name}.onnx")
    weights = next(model.parameters())
    if weights.dtype != torch.float32:
        raise MffcnLiteError(f"this {model.name} computes in {weights.dtype}; call float() on it first")
    given = "small" if isinstance(model, FSRCNN) else "blurred"
    if isinstance(model, FSRCNN):
        if str(factor) not in model.tails:
            tails = ", ".join(model.tails)
            raise MffcnLiteError(f"factor (={factor}) must be one of {tails}, for which fsrcnn has tails")
        model.check_factor(factor)
        written = _OneFactor(model, factor)
    elif factor is not None:
        raise MffcnLiteError(f"factor (={factor}) is for fsrcnn alone: {model.name} takes an enlarged photo")
    else:
        fusable = isinstance(model, MFFCN) and model.arguments["block"] == "mff" and not model.layers[0].inside
        written = model.fuse() if fusable else model
    sides = {axis: torch.export.Dim(name, min=1) for axis, name in ((0, "batch"), (2, "height"), (3, "width"))}
    training, logged = model.training, logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)  # torch tells what it exports without: torchvision
        with quiet, replacing(path) as temporary:
            program = torch.onnx.export(
                written.eval(),
                (torch.zeros(2, 1, 24, 20, device=weights.device),),
                input_names=[given],
                output_names=["sr"],
                dynamic_shapes=(sides,),
                dynamo=True,
                verbose=False,
            )
            program.save(temporary, external_data=False)
    except ImportError as error:
        raise MffcnLiteError(f"{error.name} is missing: pip install onnx onnxscript") from error
    finally:
        logging.disable(logged)
        model.train(training)
