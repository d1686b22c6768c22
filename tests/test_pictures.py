"""Picture files in and out, colour, and whole pictures in tiles, against Pillow and against the picture at once."""

import io
import math
import os
import subprocess
import sys
import warnings

import numpy as np
import picture_files
import pytest
import torch
from picture_files import encoded, noise, png
from PIL import Image, ImageCms, ImageOps

from mffcn_lite import enlarging, pictures
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.degrade import upsample
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models import create_model
from mffcn_lite.pictures import RGB_TO_YCBCR, enlarge, enlarge_file, read_picture, write_picture

BICUBIC = Image.Resampling.BICUBIC


@torch.no_grad()
def random_model(name, **arguments):
    """A network with every weight drawn, scaled so that its values stay near one."""
    torch.manual_seed(2)
    model = create_model(name, **arguments).eval()
    for parameter in model.parameters():
        fan = parameter[0].numel() if parameter.ndim > 1 else 25
        parameter.copy_(torch.randn_like(parameter) / fan**0.5)
    return model


# --------------------------------------------------------------------------------------------------- tiles


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("srcnn", {}),
        ("srcnn", {"kernels": [3, 5, 7], "maps": [5, 4], "residual": True}),
        ("mffcn", {"width": 4, "depth": 4}),
        ("mffcn", {"width": 3, "depth": 6, "activation": "inside"}),
    ],
)
@pytest.mark.parametrize("tile", [5, 16, 33, 512])
def test_tiles_equal_the_whole_picture_at_once(name, arguments, tile):
    model, small = random_model(name, **arguments), torch.rand(1, 1, 23, 20, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = model.upscale(small, (46, 40))
    assert whole.std() > 0.05
    torch.testing.assert_close(enlarge(model, small, 2, tile=tile), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments"), [("srcnn", {}), ("mffcn", {"width": 4, "depth": 4})])
def test_with_less_overlap_the_seams_would_show(name, arguments):
    model, small = random_model(name, **arguments), torch.rand(1, 1, 23, 20, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = model.upscale(small, (46, 40))
    model.radius -= 1
    assert (enlarge(model, small, 2, tile=16) - whole).abs().max() > 1e-5


def test_a_network_sees_tiles_no_larger_than_asked():
    model, sizes = random_model("srcnn"), []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(inputs[0].shape))
    enlarge(model, torch.rand(1, 1, 50, 30), 2, tile=20)
    assert len(sizes) == 5 * 3
    assert max(max(size[-2:]) for size in sizes) <= 20 + 2 * model.radius


# -------------------------------------------------------------------------------------------------- colour


def test_the_colour_matrix_is_jpegs_as_pillow_has_it():
    rgb = noise(40, 50, 3)
    expected = np.asarray(Image.fromarray(rgb).convert("YCbCr")).astype(float)
    ours = rgb.astype(float) @ RGB_TO_YCBCR.T + [0, 128, 128]
    assert np.abs(ours.clip(0, 255) - expected).max() < 1.01  # Pillow cuts its decimals off


def test_there_and_back_is_the_same_colour():
    rgb = torch.rand(3, 1000, dtype=torch.float64)
    matrix = torch.from_numpy(RGB_TO_YCBCR)
    back = torch.linalg.inv(matrix) @ (matrix @ rgb)
    torch.testing.assert_close(back, rgb)
    grey = matrix @ torch.full((3, 1), 0.3, dtype=torch.float64)
    torch.testing.assert_close(grey[:, 0], torch.tensor([0.3, 0, 0], dtype=torch.float64), atol=1e-7, rtol=0)


@pytest.mark.parametrize("shape", [(17, 13), (17, 13, 3)])
@pytest.mark.parametrize("factor", [2, 3, 5])
def test_bicubic_gives_the_picture_that_pillow_gives(tmp_path, shape, factor):
    coarse = Image.fromarray(noise(*[5, 4, *shape[2:]])).resize((13, 17), BICUBIC)  # without overshoot to clip
    picture = Image.fromarray((np.asarray(coarse) // 2 + 60).astype(np.uint8))
    picture.save(tmp_path / "small.png")
    write_picture(enlarge(load_model("bicubic"), read_picture(tmp_path / "small.png"), factor), tmp_path / "large.png")
    result = Image.open(tmp_path / "large.png")
    expected = picture.resize((13 * factor, 17 * factor), BICUBIC)
    assert (result.mode, result.size, result.format) == (picture.mode, expected.size, "PNG")
    assert np.abs(np.asarray(result).astype(int) - np.asarray(expected).astype(int)).max() <= 1


@pytest.mark.parametrize("name", ["srcnn", "mffcn", "lanczos"])
def test_the_network_works_on_luminance_and_chroma_is_bicubic(name):
    model = load_model(name) if name == "lanczos" else random_model(name)
    small = torch.from_numpy(noise(1, 3, 15, 14)).float() / 255 * 0.3 + 0.35
    result = enlarge(model, small, 2)
    assert result.shape == (1, 3, 30, 28)
    ours = torch.einsum("ij,bjhw->bihw", torch.from_numpy(RGB_TO_YCBCR).float(), result)
    luminance = torch.einsum("j,bjhw->bhw", torch.tensor([0.299, 0.587, 0.114]), small)[:, None]
    with torch.inference_mode():
        torch.testing.assert_close(ours[:, :1], model.upscale(luminance, (30, 28)).clamp(0, 1), rtol=0, atol=1e-5)
    chroma = torch.einsum("ij,bjhw->bihw", torch.from_numpy(RGB_TO_YCBCR[1:]).float(), upsample(small, (30, 28)))
    torch.testing.assert_close(ours[:, 1:], chroma, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["srcnn", "mffcn", "bicubic"])
def test_grey_stays_grey_also_when_it_comes_as_rgb(tmp_path, name):
    model = load_model(name) if name == "bicubic" else random_model(name)
    grey = Image.fromarray(noise(12, 11))
    grey.save(tmp_path / "grey.png")
    grey.convert("RGB").save(tmp_path / "rgb.png")
    one, three = (enlarge(model, read_picture(tmp_path / f"{kind}.png"), 2) for kind in ("grey", "rgb"))
    assert (one.shape, three.shape) == ((1, 1, 24, 22), (1, 3, 24, 22))
    torch.testing.assert_close(three, one.clamp(0, 1).expand(1, 3, 24, 22), rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("name", ["bicubic", "mffcn", "lanczos", "ibp"])
def test_alpha_is_enlarged_beside_the_colours(name, channels):
    model = random_model("mffcn", width=3, depth=2) if name == "mffcn" else load_model(name)
    small = torch.from_numpy(noise(1, channels, 15, 14)).float() / 255
    result = enlarge(model, small, 2, tile=9)
    assert torch.equal(result[:, :-1], enlarge(model, small[:, :-1], 2, tile=9))
    torch.testing.assert_close(result[:, -1:], upsample(small[:, -1:], (30, 28)).clamp(0, 1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("factor", [2, 3, 5])
def test_interpolation_in_parts_is_that_of_the_whole(name, factor):
    small = torch.from_numpy(noise(1, 3, 33, 27)).float() / 255
    whole = load_model(name).upscale(small[:, :1], (33 * factor, 27 * factor))
    for tile in (7, 16, 512):
        torch.testing.assert_close(enlarge(load_model(name), small[:, :1], factor, tile), whole, rtol=0, atol=1e-6)
        parts, at_once = (enlarge(load_model(name), small, factor, size) for size in (tile, 10**4))
        torch.testing.assert_close(parts, at_once, rtol=0, atol=1e-6)


# --------------------------------------------------------------------------------------- sizes and factors


@pytest.mark.parametrize("factor", [2, 3, 4, 7])
@pytest.mark.parametrize("shape", [(1, 9, 11), (3, 7, 30)])
def test_the_result_is_factor_times_as_large(factor, shape):
    result = enlarge(load_model("bilinear"), torch.rand(1, *shape), factor)
    assert result.shape == (1, shape[0], factor * shape[1], factor * shape[2])


@pytest.mark.parametrize("factor", [1, 0, -1, 10, 1000])
def test_factors_that_make_no_sense_are_refused(refuses, factor):
    refuses(lambda: enlarge(load_model("bicubic"), torch.rand(1, 1, 9, 12), factor), f"factor (={factor})")


def test_a_factor_that_the_network_was_not_trained_for_is_refused(refuses):
    model = random_model("srcnn")
    model.card = {"config": {"factors": [2, 4]}}
    refuses(lambda: enlarge(model, torch.rand(1, 1, 9, 9), 3), "factor (=3)", "2, 4", "srcnn")
    assert enlarge(model, torch.rand(1, 1, 9, 9), 4).shape == (1, 1, 36, 36)
    model.card = {}
    assert enlarge(model, torch.rand(1, 1, 9, 9), 3).shape == (1, 1, 27, 27)


@pytest.mark.parametrize("name", ["nearest", "mffcn", "ibp"])
@pytest.mark.parametrize("gigabytes", [0.01, 0.2, 1.5, 6.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_size_that_is_named_fits_and_a_larger_one_does_not(refuses, monkeypatch, name, gigabytes, channels):
    monkeypatch.setattr(enlarging, "free_bytes", lambda device: gigabytes * 2**30)
    model, check = create_model(name), enlarging.check_memory
    with pytest.raises(MffcnLiteError, match=r"160000×80000 pixels, which need .* would fit") as caught:
        check(model, (20_000, 40_000), 4, 512, channels)
    width, height = map(int, str(caught.value).split("at most ")[1].split()[0].split("×"))
    assert abs(width - 2 * height) <= 2
    check(model, (height, width), 4, 512, channels)
    refuses(lambda: check(model, (height + 2, width + 4), 4, 512, channels), "would fit")


def test_what_the_memory_cannot_hold_is_refused_before_anything_is_computed(tmp_path, refuses, monkeypatch):
    Image.fromarray(noise(30, 40, 3)).save(tmp_path / "a.png")
    model = load_model("bicubic")
    monkeypatch.setattr(enlarging, "free_bytes", lambda device: 2**20)
    monkeypatch.setattr(type(model), "upscale", None)
    words = "a.png: the result would have 1200×900 pixels", "at most 4×3 pixels would fit"
    refuses(lambda: enlarge_file(model, tmp_path / "a.png", tmp_path / "new" / "b.png", 30), *words)
    assert os.listdir(tmp_path) == ["a.png"]
    refuses(lambda: enlarge(model, torch.rand(1, 3, 30, 40), 20), "800×600")
    monkeypatch.undo()
    monkeypatch.setattr(enlarging, "free_bytes", lambda device: None)  # where the system does not say
    enlarge_file(model, tmp_path / "a.png", tmp_path / "b.png", 2)


# Not getrusage: a program inherits the peak of the one that started it.
PEAK = """
import sys
from mffcn_lite import cli
sys.argv = ["mffcn-lite", "reconstruct", *sys.argv[1:]]
try:
    cli.main()
finally:
    status = open("/proc/self/status").read()
    print(int(status.split("VmHWM:")[1].split()[0]) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", ["mffcn", pytest.param("srcnn", marks=pytest.mark.release)])
def test_a_large_colour_picture_takes_little_more_than_the_program(tmp_path, name):
    side = 1000 if name == "mffcn" else 250  # SRCNN on a strip, for the time that it takes
    save_model(create_model(name), tmp_path / f"{name}.safetensors")
    Image.fromarray(noise(side, 1000, 3)).resize((1000, side)).save(tmp_path / "small.png")
    options = ["--factor", "4", "--model", tmp_path / f"{name}.safetensors", "--out", tmp_path / "out"]
    command = [sys.executable, "-c", PEAK, tmp_path / "small.png", *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    path, gigabytes = done.stdout.split()
    assert 0.1 < float(gigabytes) < 1.5  # as floats alone, the result has 0.2; all layers at once had more
    with Image.open(path) as result:
        assert (result.size, result.mode) == ((4000, 4 * side), "RGB")


# ------------------------------------------------------------------------------------------ reading, writing


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_pixels_are_read_as_they_are_stored(tmp_path, suffix):
    for pixels in (noise(6, 5), noise(6, 5, 3)):
        options = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", **options)
        picture = read_picture(tmp_path / f"a.{suffix}")
        stored = pixels if suffix != "webp" or pixels.ndim == 3 else np.stack([pixels] * 3, -1)
        expected = torch.from_numpy(stored.reshape(6, 5, -1)).permute(2, 0, 1)[None] / 255
        assert torch.equal(picture, expected)


def test_black_and_white_and_palette_pictures_are_read(tmp_path):
    Image.fromarray(noise(6, 5)).convert("1").save(tmp_path / "one.png")
    assert set(read_picture(tmp_path / "one.png").unique().tolist()) <= {0.0, 1.0}
    palette = Image.fromarray(noise(6, 5, 3)).quantize(8)
    for suffix in ("png", "gif"):
        palette.save(tmp_path / f"p.{suffix}")
        expected = torch.from_numpy(np.asarray(palette.convert("RGB")).copy()).permute(2, 0, 1)[None] / 255
        assert torch.equal(read_picture(tmp_path / f"p.{suffix}"), expected)


def test_a_picture_is_written_rounded_and_clamped(tmp_path):
    levels = torch.tensor([-0.3, 0.0, 0.49 / 255, 0.51 / 255, 127.4 / 255, 127.6 / 255, 1.0, 1.7])
    write_picture(levels.reshape(1, 1, 2, 4), tmp_path / "new" / "a.png")
    assert np.asarray(Image.open(tmp_path / "new" / "a.png")).ravel().tolist() == [0, 0, 0, 1, 127, 128, 255, 255]
    assert os.listdir(tmp_path / "new") == ["a.png"]


def test_what_was_written_is_read_back(tmp_path):
    for pixels in (noise(6, 5), noise(6, 5, 3)):
        picture = torch.from_numpy(pixels.reshape(6, 5, -1)).permute(2, 0, 1)[None] / 255
        write_picture(picture, tmp_path / "a.png")
        assert torch.equal(read_picture(tmp_path / "a.png"), picture)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (torch.full((1, 1, 4, 4), 200.0), ["from 200 to 200", "divide levels by the largest"]),
        (torch.tensor([0.0, 255.0]).reshape(1, 1, 1, 2), ["from 0 to 255"]),
        (torch.tensor([0.5, torch.nan]).reshape(1, 1, 1, 2), ["NaN"]),
        (torch.full((1, 3, 2, 2), torch.inf), ["infinite"]),
        (torch.zeros(1, 1, 4, 4, dtype=torch.uint8), ["torch.uint8", "divide pixels of 0 to 255 by 255"]),
        (torch.rand(2, 1, 4, 4), ["(2, 1, 4, 4)", "one by one"]),
        (torch.rand(3, 4, 4), ["(3, 4, 4)", "[None]"]),
        (torch.rand(4, 4), ["(4, 4)", "N×C×H×W"]),
        (torch.rand(1, 5, 4, 4), ["1 to 4 channels", "(1, 5, 4, 4)"]),
        (torch.rand(1, 1, 0, 4), ["(1, 1, 0, 4)"]),
        (np.zeros((1, 1, 4, 4), np.float32), ["tensor", "ndarray"]),
    ],
    ids=["levels", "levels with black", "NaN", "inf", "uint8", "batch", "CHW", "HW", "channels", "empty", "NumPy"],
)
def test_what_is_no_picture_is_not_written(tmp_path, refuses, picture, words):
    (tmp_path / "a.png").write_bytes(b"before")
    refuses(lambda: write_picture(picture, tmp_path / "a.png"), *words)
    assert (tmp_path / "a.png").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("deep", [False, True])
def test_what_was_written_is_read_back_with_alpha_and_all_bits(tmp_path, channels, deep):
    levels = noise(9, 8, channels, dtype=np.uint16 if deep else np.uint8) | 1
    picture = torch.from_numpy(levels.astype(np.float32) / np.iinfo(levels.dtype).max).permute(2, 0, 1)[None]
    write_picture(picture, tmp_path / "a.png", deep=deep, srgb=True)
    assert torch.equal(read_picture(tmp_path / "a.png"), picture)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, refuses):
    (tmp_path / "file").write_text("x")
    refuses(lambda: write_picture(torch.rand(1, 1, 2, 2), tmp_path / "file" / "a.png"), "cannot write", "a.png")


def bad_pictures():
    """Name, content and a word of the sentence of every picture that must be refused."""
    rgb, turned = Image.fromarray(noise(14, 12, 3)), Image.fromarray(noise(14, 12, 3, seed=1))
    yield "empty.png", b"", "is empty"
    yield "text.png", b"hello, I am no picture", "is not a picture"
    yield "cut.png", encoded(rgb)[:-300], "cannot be read"
    yield "cut.jpg", encoded(rgb, "JPEG")[:400], "cannot be read"
    yield "start.jpg", encoded(rgb, "JPEG")[:3], "not a picture"
    yield "eps.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n", "not a picture"
    yield (
        "heic.jpg",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        "is HEIC, which is not read; save it as PNG or JPEG",
    )
    yield "float.tif", encoded(Image.fromarray(noise(14, 12).astype(np.float32)), "TIFF"), "save it with 8 bits"
    yield "integer.tif", encoded(Image.fromarray(noise(14, 12).astype(np.int32)), "TIFF"), "save it with 8 bits"
    yield "moving.gif", encoded(rgb, "GIF", save_all=True, append_images=[turned]), "holds 2 pictures"
    yield "moving.png", encoded(rgb, "PNG", save_all=True, append_images=[turned]), "holds 2 pictures"
    yield "pages.tif", encoded(rgb, "TIFF", save_all=True, append_images=[turned]), "holds 2 pictures"
    yield "nothing.png", png(0, 0, 8, 0, b""), "not a picture"
    # Their headers alone: it must be refused before the pixels are decoded, or it takes gigabytes.
    yield "huge.png", png(10_000, 9_000, 8, 0, b""), "too large"
    yield "enormous.png", png(60_000, 60_000, 8, 2, b""), "too large"


@pytest.mark.parametrize(("name", "content", "word"), [pytest.param(*bad, id=bad[0]) for bad in bad_pictures()])
def test_what_is_no_picture_or_several_is_refused(tmp_path, refuses, name, content, word):
    (tmp_path / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would be a second line for the user
        refuses(lambda: read_picture(tmp_path / name), str(tmp_path / name), word)


@pytest.mark.parametrize(
    ("name", "word"),
    [("missing.png", "no such file"), ("folder", "folder"), ("folder/a.png", "no such file"), ("x" * 300, "x" * 300)],
)
def test_what_is_no_file_is_one_sentence(tmp_path, refuses, name, word):
    (tmp_path / "folder").mkdir()
    refuses(lambda: read_picture(tmp_path / name), word)


def by_pillow(path, factor):
    """What Pillow and littlecms make of the first picture in a file: upright, in sRGB, enlarged."""
    image = ImageOps.exif_transpose(Image.open(path))
    icc = io.BytesIO(image.info["icc_profile"])
    image = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(icc), ImageCms.createProfile("sRGB"))
    return image.resize((image.width * factor, image.height * factor), BICUBIC)


def test_a_telephones_photo_comes_out_upright_in_srgb_with_its_profile(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.fromarray(noise(6, 8, 3) // 3 * 2 + 40).resize((80, 60), BICUBIC)
    options = {
        "exif": exif,
        "icc_profile": picture_files.rgb_profile(picture_files.DISPLAY_P3, picture_files.SRGB_CURVE),
    }
    photo.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[photo.resize((20, 15))], quality=95, **options)
    enlarge_file(load_model("bicubic"), tmp_path / "a.jpg", tmp_path / "b.png", 2)
    with Image.open(tmp_path / "b.png") as result:
        assert (result.size, result.mode) == ((120, 160), "RGB")
        assert (
            ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(result.info["icc_profile"]))).strip()
            == "sRGB"
        )
        apart = np.abs(np.asarray(result).astype(int) - np.asarray(by_pillow(tmp_path / "a.jpg", 2)))
    assert apart.mean() < 0.5
    assert np.quantile(apart, 0.999) <= 2


def test_the_result_has_what_its_source_has(tmp_path):
    """Bits, channels and a profile, or none of these."""
    grey, colour, deep = Image.fromarray(noise(9, 8)), Image.fromarray(noise(9, 8, 3)), noise(9, 8, 4, dtype=np.uint16)
    linear = picture_files.grey_profile(picture_files.gamma_curve(1.0))
    sources = {
        "grey": (encoded(grey), "L", 8, False),
        "grey and alpha": (encoded(Image.fromarray(noise(9, 8, 2), "LA")), "LA", 8, False),
        "linear grey": (encoded(grey, icc_profile=linear), "L", 8, True),
        "colour": (encoded(colour, "BMP"), "RGB", 8, False),
        "colour and alpha": (encoded(Image.fromarray(noise(9, 8, 4))), "RGBA", 8, False),
        "palette": (encoded(colour.quantize(5)), "RGB", 8, False),
        "cmyk": (encoded(colour.convert("CMYK"), "JPEG"), "RGB", 8, False),
        "deep grey": (picture_files.png16(deep[..., :1], (b"sRGB", b"\0")), "I;16", 16, True),
        "deep colour": (picture_files.png16(deep[..., :3]), "RGB", 16, False),
        "deep and alpha": (picture_files.png16(deep), "RGBA", 16, False),
    }
    for name, (content, mode, bits, tagged) in sources.items():
        (tmp_path / name).write_bytes(content)
        enlarge_file(load_model("nearest"), tmp_path / name, tmp_path / "out.png", 2)
        header = (tmp_path / "out.png").read_bytes()[24]
        with Image.open(tmp_path / "out.png") as result:
            modes = (mode, "I") if mode == "I;16" else (mode,)  # before Pillow 11
            assert (result.size, header, "icc_profile" in result.info) == ((16, 18), bits, tagged), name
            assert result.mode in modes, name


def test_16_bits_come_out_finer_than_8(tmp_path):
    ramp = np.linspace(30_000, 31_000, 64).round().astype(np.uint16)
    (tmp_path / "a.png").write_bytes(picture_files.png16(np.tile(ramp, (16, 1))[..., None].repeat(3, 2)))
    enlarge_file(load_model("bicubic"), tmp_path / "a.png", tmp_path / "b.png", 2)
    row = read_picture(tmp_path / "b.png")[0, 0, 8] * 65535
    want = upsample(torch.from_numpy(ramp.astype(np.float32))[None, None, None].repeat(1, 1, 16, 1), (32, 128))[0, 0, 8]
    assert (row - want).abs().max() < 1  # of 65,535 levels
    assert len(row.unique()) > 100


@pytest.mark.parametrize("secret", [0, 255])
def test_what_is_hidden_under_alpha_changes_nothing_that_is_seen(tmp_path, secret):
    pixels = noise(24, 20, 4) // 2 + 60
    pixels[..., 3] = 255
    pixels[8:16, 5:12, 3] = 0
    results = []
    for hidden in (None, secret):
        if hidden is not None:
            pixels[8:16, 5:12, :3] = hidden
        (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(pixels)))
        enlarge_file(random_model("mffcn", width=3, depth=2), tmp_path / "a.png", tmp_path / "b.png", 2)
        results.append((tmp_path / "b.png").read_bytes())
    assert results[0] == results[1]


@pytest.mark.slow
@pytest.mark.release
def test_a_photo_of_12_megapixels_works(tmp_path):
    exif, coarse = Image.Exif(), Image.fromarray(noise(60, 80, 3))
    exif[0x0112] = 6
    photo = coarse.resize((4032, 3024), BICUBIC)
    options = {
        "exif": exif,
        "icc_profile": picture_files.rgb_profile(picture_files.DISPLAY_P3, picture_files.SRGB_CURVE),
    }
    photo.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[coarse], **options)
    enlarge_file(load_model("bicubic"), tmp_path / "a.jpg", tmp_path / "b.png", 2)
    with Image.open(tmp_path / "b.png") as result:
        assert result.size == (6048, 8064)
        want = by_pillow(tmp_path / "a.jpg", 2)
        assert np.abs(np.asarray(result).astype(int) - np.asarray(want))[::7].mean() < 0.5


def test_damaged_exif_data_is_no_reason_to_refuse_nor_to_warn(tmp_path):
    damaged = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0\0\0"
    Image.fromarray(noise(14, 12)).save(tmp_path / "a.jpg", exif=damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(tmp_path / "a.jpg").shape == (1, 1, 14, 12)


@pytest.mark.slow
def test_whatever_is_wrong_in_a_file_it_is_one_sentence(tmp_path):
    # Pillow's decoders raise a dozen kinds of errors on damaged files.
    generator, encoded, messages = np.random.default_rng(4), [], []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "DDS", "TGA", "SPIDER", "ICO"):
        image = Image.fromarray(noise(14, 12, 3)).convert("F" if kind == "SPIDER" else "RGB")
        image.save(file := io.BytesIO(), kind)
        encoded.append(file.getvalue())
    for _ in range(1500):
        content = bytearray(encoded[generator.integers(len(encoded))])
        for _ in range(generator.integers(1, 6)):
            place = generator.integers(min(len(content), 200) if generator.random() < 0.7 else len(content))
            content[place] = generator.choice([generator.integers(256), 0, 127, 128, 255])
        (tmp_path / "a").write_bytes(content)
        try:
            picture = read_picture(tmp_path / "a")
            assert picture.isfinite().all()
        except MffcnLiteError as error:
            messages.append(str(error))
    assert 300 < len(messages) < 1500
    assert not any("\n" in message for message in messages)


# Found by two readers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_levels_of_a_file_are_warned_of(channels):
    small = torch.full((1, channels, 8, 8), 200.0)
    with pytest.warns(UserWarning, match="small reaches from 200 to 200.*divide pixels of 0 to 255 by 255"):
        enlarge(create_model("bicubic"), small, 2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("channel", range(4))
def test_what_is_not_finite_is_refused_in_every_channel(refuses, channel, value):
    small = torch.rand(1, 4, 8, 8)
    small[0, channel, 3, 3] = value
    refuses(lambda: enlarge(create_model("bicubic"), small, 2), "small holds")


@pytest.mark.parametrize("model", ["bicubic", None, torch.nn.Conv2d(1, 1, 3), {"model": "bicubic"}])
def test_what_is_no_system_is_said(refuses, model):
    refuses(lambda: enlarge(model, torch.rand(1, 1, 8, 8), 2), "model must be a system", "load_model")


def test_a_picture_for_which_there_is_no_memory_as_floats_is_refused_with_a_size_that_fits(
    tmp_path, monkeypatch, refuses
):
    Image.new("RGB", (400, 300)).save(path := tmp_path / "a.png")
    need = 400 * 300 * 4 * 5
    monkeypatch.setattr("mffcn_lite.enlarging.free_bytes", lambda device: need // 4)
    refuses(lambda: read_picture(path), "a.png", "at most 200×150 pixels would fit")
    monkeypatch.setattr("mffcn_lite.enlarging.free_bytes", lambda device: need)
    assert read_picture(path).shape == (1, 3, 300, 400)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")],
)
@pytest.mark.parametrize("where", ["_read", "_floats", "_write"])
def test_memory_that_others_took_meanwhile_is_one_sentence(tmp_path, monkeypatch, refuses, where, error):
    def fail(*_, **__):
        raise error

    Image.new("RGB", (40, 30)).save(path := tmp_path / "a.png")
    monkeypatch.setattr(pictures, where, fail)
    refuses(lambda: enlarge_file(create_model("bicubic"), path, tmp_path / "b.png", 2), "a.png", "memory")
    if where != "_write":
        refuses(lambda: read_picture(path), "a.png", "memory")


def test_an_error_that_is_none_of_memory_is_not_called_one(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("another")

    Image.new("RGB", (40, 30)).save(path := tmp_path / "a.png")
    monkeypatch.setattr(pictures, "_floats", fail)
    with pytest.raises(RuntimeError, match="another"):
        read_picture(path)
