"""Picture files in and out, and a system applied to a whole picture, in tiles where it is large."""

import re
import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mffcn_lite.context import full_precision
from mffcn_lite.degrade import small_size, upsample
from mffcn_lite.errors import MffcnLiteError, check_images, check_number, described
from mffcn_lite.files import replacing
from mffcn_lite.models import SuperResolver

MAX_SIDE = 4000  # pixels of a result
TILE = 512  # pixels of a result that a network computes at a time, without the overlap
EXIF_ORIENTATION = 0x0112

# Y, Cb, Cr of BT.601 in full swing, as in JPEG; Cb and Cr lie around 0 here.
RGB_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])


def read_picture(path: str | Path) -> Float[Tensor, "1 channel height width"]:
    """An 8-bit grey or RGB picture as floats in [0, 1], with C = 1 or C = 3.

    Raises:
        MffcnLiteError: if the file is missing, empty, no picture, cut short, animated, or stores what the systems
            cannot keep: CMYK, 16 bits, transparency, a rotation in its EXIF data.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise MffcnLiteError(f"{path} is a folder, not a picture" if path.is_dir() else f"no such file: {path}")
        if path.stat().st_size == 0:
            raise MffcnLiteError(f"{path} is empty; copy it again")
        # Pillow warns of damaged EXIF data and of large pictures: the first is no matter, the second is refused.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            _refuse(path, picture)
            picture.load()
            grey = picture.mode in ("1", "L")
            pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    except MffcnLiteError:
        raise
    except UnidentifiedImageError as error:
        raise MffcnLiteError(f"{path} is not a picture that can be read; save it as PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise MffcnLiteError(f"{path} is too large; at most {MAX_SIDE} pixels a side can come out") from error
    except Exception as error:  # on a damaged file, its decoders raise whatever there is
        raise MffcnLiteError(f"{path} cannot be read as a picture ({error}); copy or save it again") from error
    return torch.from_numpy(pixels.copy()).float().reshape(*pixels.shape[:2], -1).permute(2, 0, 1)[None] / 255


def _refuse(path: Path, picture: Image.Image) -> None:
    """Raise for a picture that would lose something on the way; the sentence says how to convert it."""
    # What is known without decoding comes first: getexif() decodes a PNG.
    deep = picture.mode in ("I", "F") or picture.mode.startswith("I;16") or _has_16_bits(picture)
    too_large = max(picture.size) > MAX_SIDE
    orientation = 1 if too_large else picture.getexif().get(EXIF_ORIENTATION, 1)
    if too_large:
        size = f"{picture.width}×{picture.height} pixels"
        problem = f"is too large ({size}, and results have {MAX_SIDE} a side at most); cut it"
    elif orientation not in (0, 1):
        problem = f"is stored rotated (EXIF orientation {orientation}); save it upright"
    elif picture.mode in ("CMYK", "YCCK"):
        problem = "is in CMYK; save it as RGB"
    elif deep:
        problem = "has more than 8 bits a channel; save it with 8"
    elif picture.has_transparency_data or picture.mode in ("LA", "PA", "RGBA", "RGBa", "La"):
        problem = "has an alpha channel; save it without transparency"
    elif getattr(picture, "n_frames", 1) > 1:
        problem = f"holds {picture.n_frames} pictures; save the one that you mean alone"
    elif picture.mode not in ("1", "L", "P", "RGB", "YCbCr"):
        problem = f"has colours of the kind {picture.mode}; save it as RGB"
    else:
        return
    raise MffcnLiteError(f"{path} {problem} and try again")


def _has_16_bits(picture: Image.Image) -> bool:
    """Whether the file holds 16-bit colour, which Pillow reads as 8 bits without a word."""
    for codec, _, _, arguments in picture.tile:
        raw, *rest = arguments if isinstance(arguments, tuple) else (arguments,)
        if re.search(";16[BLN]", str(raw)) or (codec.startswith("ppm") and rest[-1] > 255):
            return True
    return False


def write_picture(picture: Float[Tensor, "1 channel height width"], path: str | Path) -> None:
    """Write floats in [0, 1], C = 1 or 3, clamped and rounded to 8 bits, as PNG, beside and renamed.

    Raises:
        MffcnLiteError: if the file cannot be written.
    """
    pixels = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    with replacing(path) as temporary:
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(temporary, format="PNG")


@full_precision
@torch.no_grad()
def enlarge(
    model: SuperResolver, small: Float[Tensor, "1 channel smallheight smallwidth"], factor: int, tile: int = TILE
) -> Float[Tensor, "1 channel height width"]:
    """`small` enlarged `factor` times: luminance by `model`, chroma (of a colour picture) by bicubic interpolation.

    A network works on tiles of about `tile` pixels that overlap by its radius, on its own device; the result equals
    that of the whole picture at once. A system without a radius gets the whole. Not clamped.

    Raises:
        MffcnLiteError: if it is no single picture, the factor is not one of the model's, the picture is smaller than
            it, or the result larger than `MAX_SIDE`.
    """
    check_images("small", small)
    if len(small) != 1 or small.shape[1] not in (1, 3):
        wanted = "one picture, grey or RGB, 1×1×H×W or 1×3×H×W"
        raise MffcnLiteError(
            f"small must be {wanted}, not {described(small)}; enlarge the pictures of a batch one by one"
        )
    check_number("tile", tile, at_least=1, whole=True)
    trained = model.trained_factors()
    if trained and factor not in trained:
        choices = ", ".join(map(str, trained))
        raise MffcnLiteError(f"factor (={factor}) must be one of {choices}, which {model.name} was trained for")
    height, width = small.shape[-2:]
    small_size((height, width), factor)  # a whole factor, and no picture smaller than it
    size = (height * factor, width * factor)
    if max(size) > MAX_SIDE:
        raise MffcnLiteError(
            f"the result would have {size[1]}×{size[0]} pixels, and {MAX_SIDE} a side are the most; "
            "take a smaller picture or factor"
        )
    device = next((t.device for t in model.state_dict().values()), small.device)
    if small.shape[1] == 3:
        # The systems know grey photos, and the eye sees little detail in chroma: bicubic is enough for it.
        planes = torch.einsum("ij,bjhw->bihw", torch.from_numpy(RGB_TO_YCBCR).to(small), small)  # 1×3×h×w
        luminance = enlarge(model, planes[:, :1], factor, tile)
        ycbcr = torch.cat([luminance.clamp(0, 1), upsample(planes[:, 1:], size)], dim=1)
        return torch.einsum("ij,bjhw->bihw", torch.from_numpy(np.linalg.inv(RGB_TO_YCBCR)).to(ycbcr), ycbcr)
    if not model.radius:
        return model.upscale(small.to(device), size).cpu()
    given = model.take(small, size)
    times = height * factor // given.shape[-2]  # how many times larger than it the result is
    # Tiles begin at multiples of the stride, or a strided network would halve them in other places than the whole; so
    # the margin is the radius, rounded up to one.
    step = max(1, tile // (times * model.stride)) * model.stride
    margin = -(-model.radius // model.stride) * model.stride
    result = torch.empty(1, 1, *size, dtype=given.dtype, device="cpu")  # on the CPU: a GPU need hold a tile alone
    for top in range(0, given.shape[-2], step):
        for left in range(0, given.shape[-1], step):
            # The tile with its surroundings, and where the tile lies in them.
            y, x = max(0, top - margin), max(0, left - margin)
            around = given[..., y : top + step + margin, x : left + step + margin].to(device)
            sr = model.restore_given(around, tuple(times * side for side in around.shape[-2:]), factor)
            # Cut the margins off; at the picture's end there are none, and the tile may be smaller than `step`.
            inner = sr[..., (top - y) * times :, (left - x) * times :][..., : step * times, : step * times]
            height, width = inner.shape[-2:]
            result[..., top * times : top * times + height, left * times : left * times + width] = inner.cpu()
    return result
