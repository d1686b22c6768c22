"""Picture files in and out, colour, and whole pictures in tiles, against Pillow and against the picture at once."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.degrade import upsample
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models import create_model
from mffcn_lite.pictures import MAX_SIDE, RGB_TO_YCBCR, enlarge, read_picture, write_picture

BICUBIC = Image.Resampling.BICUBIC


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@torch.no_grad()
def random_model(name, **arguments):
    """A network with every weight drawn, scaled so that its values stay near one."""
    torch.manual_seed(2)
    model = create_model(name, **arguments).eval()
    for parameter in model.parameters():
        fan = parameter[0].numel() if parameter.ndim > 1 else 25
        parameter.copy_(torch.randn_like(parameter) / fan**0.5)
    return model


def png(width, height, depth, colour, pixels):
    """A PNG of any kind, by hand: Pillow writes no 16-bit colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


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


def test_results_beyond_4000_pixels_are_refused_and_4000_are_not(refuses):
    assert MAX_SIDE == 4000
    model = load_model("nearest")
    assert enlarge(model, torch.rand(1, 1, 4, 1000), 4).shape == (1, 1, 16, 4000)
    for shape in ((1, 1, 4, 1001), (1, 3, 1001, 4)):
        refuses(lambda shape=shape: enlarge(model, torch.rand(shape), 4), "4004", "4000")


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
def test_the_largest_colour_picture_takes_less_than_4_gigabytes(tmp_path, name):
    side = 1000 if name == "mffcn" else 250  # SRCNN on a strip, for the time that it takes
    save_model(create_model(name), tmp_path / f"{name}.safetensors")
    Image.fromarray(noise(side, 1000, 3)).resize((1000, side)).save(tmp_path / "small.png")
    options = ["--factor", "4", "--model", tmp_path / f"{name}.safetensors", "--out", tmp_path / "out"]
    command = [sys.executable, "-c", PEAK, tmp_path / "small.png", *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    path, gigabytes = done.stdout.split()
    assert 0.1 < float(gigabytes) < 4
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


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, refuses):
    (tmp_path / "file").write_text("x")
    refuses(lambda: write_picture(torch.rand(1, 1, 2, 2), tmp_path / "file" / "a.png"), "cannot write", "a.png")


def bad_pictures():
    """Name, content and a word of the sentence of every picture that must be refused."""

    def encoded(image, kind="PNG", **options):
        image.save(file := io.BytesIO(), kind, **options)
        return file.getvalue()

    rgb, deep = Image.fromarray(noise(14, 12, 3)), noise(14, 12, 3).astype(">u2") * 257
    rotated = Image.Exif()
    rotated[0x0112] = 6
    yield "empty.png", b"", "empty"
    yield "text.png", b"hello, I am no picture", "not a picture"
    yield "cut.png", encoded(rgb)[:-300], "cannot be read"
    yield "cut.jpg", encoded(rgb, "JPEG")[:400], "cannot be read"
    yield "start.jpg", encoded(rgb, "JPEG")[:3], "not a picture"
    yield "cmyk.jpg", encoded(Image.fromarray(noise(14, 12, 4), "CMYK"), "JPEG"), "CMYK"
    yield "cmyk.tif", encoded(Image.fromarray(noise(14, 12, 4), "CMYK"), "TIFF"), "CMYK"
    yield "grey16.png", encoded(Image.fromarray(noise(14, 12).astype(np.uint16) * 257)), "8 bits"
    yield "grey16.tif", encoded(Image.fromarray(noise(14, 12).astype(np.uint16) * 257), "TIFF"), "8 bits"
    yield "grey16.pgm", b"P5\n12 14\n65535\n" + deep[..., 0].tobytes(), "8 bits"
    yield "colour16.png", png(12, 14, 16, 2, b"".join(b"\0" + row.tobytes() for row in deep)), "8 bits"
    yield "colour16.ppm", b"P6\n12 14\n65535\n" + deep.tobytes(), "8 bits"
    yield "float.tif", encoded(Image.fromarray(noise(14, 12).astype(np.float32)), "TIFF"), "8 bits"
    yield "integer.tif", encoded(Image.fromarray(noise(14, 12).astype(np.int32)), "TIFF"), "8 bits"
    yield "alpha.png", encoded(Image.fromarray(noise(14, 12, 4))), "alpha"
    yield "greyalpha.png", encoded(Image.fromarray(noise(14, 12)).convert("LA")), "alpha"
    yield "transparent.png", encoded(rgb.quantize(8), transparency=0), "alpha"
    yield "transparent.gif", encoded(rgb.quantize(8), "GIF", transparency=0), "alpha"
    yield "keyed.png", encoded(rgb, transparency=(1, 2, 3)), "alpha"
    yield "rotated.jpg", encoded(rgb, "JPEG", exif=rotated), "rotated"
    yield "rotated.png", encoded(rgb, exif=rotated), "rotated"
    yield "rotated.tif", encoded(rgb, "TIFF", exif=rotated), "rotated"
    yield "moving.gif", encoded(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)]), "2 pictures"
    yield "pages.tif", encoded(rgb, "TIFF", save_all=True, append_images=[rgb.rotate(180)]), "2 pictures"
    yield "lab.tif", encoded(Image.new("LAB", (12, 14)), "TIFF"), "LAB"
    yield "nothing.png", png(0, 0, 8, 0, b""), "not a picture"
    # Their headers alone: it must be refused before the pixels are decoded, or it takes gigabytes.
    yield "huge.png", png(10_000, 9_000, 8, 0, b""), "too large"
    yield "enormous.png", png(60_000, 60_000, 8, 2, b""), "too large"
    yield "long.png", png(4_001, 5, 8, 0, b""), "too large"


@pytest.mark.parametrize(("name", "content", "word"), [pytest.param(*bad, id=bad[0]) for bad in bad_pictures()])
def test_a_picture_that_would_lose_something_is_refused(tmp_path, refuses, name, content, word):
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
