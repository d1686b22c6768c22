"""Small photos as the world makes them, not as the training did: another kernel or grid, noise, JPEG (chapter 16)."""

import io

import numpy as np
import torch
from PIL import Image

from mffcn_lite.context import full, full_precision
from mffcn_lite.degrade import Images, SmallImages, check_size, cubic
from mffcn_lite.errors import MffcnLiteError, check_finite, check_images, check_number


@full_precision
def read_at(
    hr: Images, size: tuple[int, int], *, shift: float | int = 0, sigma: float | int | None = None
) -> SmallImages:
    """`hr` shrunk to `size` = (height, width) with its centres moved, or through a Gaussian lens.

    Each small pixel is a weighted mean of those around its centre; beyond the border there is nothing.

    Args:
        shift: how many pixels of `hr` the centres are moved, down and to the right; a picture that is enlarged without
            knowing of it has moved up and to the left. With 0, and without `sigma`, this is `degrade.downsample`.
        sigma: of a Gaussian in place of the antialiased bicubic kernel (a = −0.5), in pixels of `hr`; cut at 4 σ.

    Raises:
        MffcnLiteError: if `size` is larger than `hr`, `sigma` is below ⅛, or `shift` moves a centre off the photo.
    """
    check_images("hr", hr)
    check_size(size)
    check_number("shift", shift)
    # Of a narrower one, a centre between two pixels sees none.
    check_number("sigma", sigma, at_least=0.125, at_most=1e4, none=True)
    x, matrices, exact = full(hr), [], {"dtype": torch.float64, "device": "cpu"}
    for old, new in zip(hr.shape[-2:], size, strict=True):
        if not 1 <= new <= old:
            raise MffcnLiteError(f"size (={size}) must be at least 1 and at most that of the photos {hr.shape[-2:]}")
        scale = old / new
        if not abs(shift) < scale / 2 + 0.5:
            raise MffcnLiteError(f"shift (={shift}) moves the outer centres off the photo; stay below {scale / 2:.3g}")
        centre = (torch.arange(new, **exact) + 0.5) * scale + shift
        away = torch.arange(old, **exact) + 0.5 - centre[:, None]
        if sigma is None:
            weights = cubic(away / scale)
        else:
            weights = torch.exp(-((away / sigma) ** 2) / 2) * (away.abs() <= 4 * sigma)
        matrices.append((weights / weights.sum(1, keepdim=True)).to(x))
    return (matrices[0] @ x @ matrices[1].T).to(hr.dtype)


def add_noise(small: Images, level: float | int, generator: torch.Generator) -> Images:
    """White Gaussian noise of a standard deviation of `level` grey levels of 255, then clamped to [0, 1].

    Raises:
        MffcnLiteError: if `level` is not from 0 to 255.
    """
    check_images("small", small)
    check_number("level", level, at_least=0, at_most=255)
    noise = torch.randn(small.shape, generator=generator, dtype=small.dtype, device=generator.device)
    return (small + level / 255 * noise.to(small.device)).clamp(0, 1)


def jpeg(small: Images, quality: int) -> Images:
    """Each photo, grey or RGB, rounded to 8 bits, stored as JPEG by Pillow, and read again.

    Args:
        quality: 1 to 95, Pillow's scale.

    Raises:
        MffcnLiteError: for another quality, or photos of neither 1 nor 3 channels.
    """
    check_images("small", small)
    check_finite("small", small)
    check_number("quality", quality, at_least=1, at_most=95, whole=True)
    if small.shape[1] not in (1, 3):
        raise MffcnLiteError(f"photos {tuple(small.shape)} must be grey or RGB, with 1 or 3 channels")
    levels = (small.detach().clamp(0, 1) * 255).round().byte().cpu().permute(0, 2, 3, 1).numpy()
    read = []
    for photo in levels:
        file = io.BytesIO()
        Image.fromarray(photo.squeeze(-1) if photo.shape[-1] == 1 else photo).save(file, "JPEG", quality=int(quality))
        read.append(np.asarray(Image.open(file)).reshape(photo.shape))
    return torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).to(small) / 255
