"""How close a result is to the original, one value an image: MSE, PSNR, SSIM, LPIPS; and how much detail it has.

Every convention that moves a number is an argument. Without one, results are neither rounded, cropped nor clamped.
"""

from mffcn_lite.metrics.detail import band_energy_ratio, noise_level, sharpness
from mffcn_lite.metrics.error import mse, psnr
from mffcn_lite.metrics.lpips import LPIPS
from mffcn_lite.metrics.parts import error_by_band, error_by_place, split_error
from mffcn_lite.metrics.similarity import CONVENTIONS, SSIMConvention, ssim, ssim_map

__all__ = [
    "CONVENTIONS",
    "LPIPS",
    "SSIMConvention",
    "band_energy_ratio",
    "error_by_band",
    "error_by_place",
    "mse",
    "noise_level",
    "psnr",
    "sharpness",
    "split_error",
    "ssim",
    "ssim_map",
]
