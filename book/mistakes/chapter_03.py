"""Wrong answers to chapter 3, "How do we measure better?"."""

import math

import torch

PARAGRAPH = (
    "We measure on eighty photos of people whom no system was trained on, down-sampled with the antialiased bicubic "
    "kernel of a = -0.5. The data range is 1. No border is cropped and nothing is rounded. PSNR is averaged over "
    "photos. SSIM has a Gaussian window of eleven pixels on each side."
)


def psnr_of(to, data_range=255.0):
    def answer(a, b):
        error = (to(a) - to(b)).square().double().mean().item()
        return 10 * math.log10(data_range**2 / error) if error else math.inf

    return answer


def noisy(hr):
    return (hr + 0.06 * torch.randn(hr.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)


def border_alone(measure):
    grey, other = torch.full((1, 1, 40, 40), 0.5), torch.full((1, 1, 40, 40), 0.5)
    other[..., 0, :] = 0
    rows = [other.roll(row, dims=2) for row in range(20)]
    return next(i for i, picture in enumerate(rows) if math.isfinite(measure(picture, grey))), False


WRONG = [
    ("3.1", 3.01, "halve the error itself"),
    ("3.1", -6.02, "wrong sign"),
    ("3.1", 0.5, "logarithms"),
    ("3.1", 12.04, "too large"),
    ("3.1", "double", "give a number"),
    ("3.2", lambda a, b: ((a - b) ** 2).float().mean().item(), "in uint8"),
    ("3.2", psnr_of(lambda x: x), "in uint8"),
    ("3.2", psnr_of(lambda x: x.double(), 1.0), "data range is 1"),
    ("3.2", lambda a, b: None, "one number"),
    ("3.3", lambda hr: hr, "two pictures"),
    ("3.3", lambda hr: (hr + 0.5, hr), "clamp it"),
    ("3.3", lambda hr: (hr, hr), "SSIM of a is only"),
    ("3.3", lambda hr: (hr, noisy(hr)), "PSNR of a is only"),
    ("3.4", lambda measure: 0, "a pair"),
    ("3.4", lambda measure: (0, False), "in one row alone"),
    ("3.4", border_alone, "too small for 8 bits"),
    ("3.5", 42, "between quotes"),
    ("3.5", "We compute PSNR and SSIM.", "which photos"),
    ("3.5", PARAGRAPH.replace("Gaussian", "usual"), "SSIM's window"),
    ("3.5", "80 training bicubic 0.5 antialias 255 border round mean gaussian", "list of keywords"),
    ("3.5", PARAGRAPH * 5, "too many"),
]
