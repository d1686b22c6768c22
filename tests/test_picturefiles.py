"""What picture files say, against littlecms, Pillow, tifffile and torchvision, or against what was put into them."""

import io
import math
import struct
import warnings
import zlib

import numpy as np
import pytest
from picture_files import (
    ADAM7,
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB_CURVE,
    encoded,
    gamma_curve,
    grey_profile,
    noise,
    png,
    png16,
    profile,
    rgb_profile,
    table_profile,
)
from PIL import Image, ImageCms, ImageOps

from mffcn_lite.picturefiles import colour
from mffcn_lite.picturefiles.decoding import decode
from mffcn_lite.picturefiles.formats import Unusable, is_picture
from mffcn_lite.picturefiles.png import write_png

P3 = rgb_profile(DISPLAY_P3, SRGB_CURVE)
SRGB = ImageCms.createProfile("sRGB")


def by_littlecms(image, icc):
    """What littlecms makes of an 8-bit picture."""
    converted = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), SRGB, outputMode="RGB")
    return np.asarray(converted).astype(int)


def stack(picture):
    """Pixels with alpha behind them."""
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


# ------------------------------------------------------------------------------------------------ profiles


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_the_red_of_a_telephone_is_srgbs(kind):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind in ("JPEG", "AVIF") else {}
    if kind == "AVIF" and kind not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    picture = decode(encoded(Image.new("RGB", (16, 16), (234, 51, 35)), kind, icc_profile=P3, **options))
    assert picture.tagged
    assert np.abs(picture.pixels.astype(int) - (255, 0, 0)).max() <= (2 if kind in ("JPEG", "AVIF") else 0)


@pytest.mark.parametrize(
    ("columns", "curve"),
    [(DISPLAY_P3, SRGB_CURVE), (ADOBE_RGB, gamma_curve(2.19921875)), (DISPLAY_P3, gamma_curve(1.0))],
    ids=["Display P3", "Adobe RGB", "linear P3"],
)
@pytest.mark.parametrize("alpha", [False, True])
def test_colours_are_littlecmss(columns, curve, alpha):
    icc, image = rgb_profile(columns, curve), Image.fromarray(noise(40, 50, 3))
    given = image.copy()
    if alpha:
        given.putalpha(200)
    got = decode(encoded(given, icc_profile=icc))
    assert np.abs(got.pixels - by_littlecms(image, icc)).max() <= 1
    assert (got.alpha is not None) == alpha


def table_curve(gamma, count=4096):
    values = (65535 * (np.arange(count) / (count - 1)) ** gamma).round().astype(">u2")
    return struct.pack(">4s4xI", b"curv", count) + values.tobytes()


def formula(kind, *numbers):
    return struct.pack(f">4s4xHH{len(numbers)}i", b"para", kind, 0, *(round(65536 * v) for v in numbers))


@pytest.mark.parametrize(
    "curve",
    [
        gamma_curve(1.0),
        gamma_curve(1.8),
        struct.pack(">4s4xI", b"curv", 0),
        table_curve(2.2),
        SRGB_CURVE,
        formula(0, 2.4),
        formula(1, 2.2, 1.1, -0.1),
        formula(2, 2.0, 0.9, 0.1, -0.01),
        formula(4, 2.4, 0.9, 0.1, 0.08, 0.05, 0.01, 0.0),
    ],
    ids=["linear", "1.8", "identity", "table", "sRGB", "formula 0", "formula 1", "formula 2", "formula 4"],
)
def test_grey_is_littlecmss_under_every_form_of_curve(curve):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    icc = grey_profile(curve)
    got = decode(encoded(Image.fromarray(ramp), icc_profile=icc))
    # For one channel littlecms keeps few points of a curve, and is off by 10 levels; for three equal ones it is exact.
    want = by_littlecms(Image.fromarray(ramp).convert("RGB"), rgb_profile(colour.to_xyz(colour.SRGB).T, curve))
    assert np.abs(got.pixels - want).max() <= 1
    assert got.tagged
    if curve == gamma_curve(1.0):
        assert np.abs(ramp.astype(int) - got.pixels[..., 0]).max() > 60  # what would be wrong without


def test_a_grey_picture_under_a_profile_for_colours_has_its_curve():
    icc, ramp = rgb_profile(ADOBE_RGB, gamma_curve(1.0)), np.arange(256, dtype=np.uint8).reshape(16, 16)
    got = decode(encoded(Image.fromarray(ramp), "TIFF", icc_profile=icc)).pixels
    want = by_littlecms(Image.fromarray(ramp).convert("RGB"), icc)[..., :1]
    assert np.abs(got - want).max() <= 1


def test_16_bits_are_converted_with_all_of_them():
    levels = noise(30, 20, 3, dtype=np.uint16)
    chunk = (b"iCCP", b"p3\0\0" + zlib.compress(P3))
    got = decode(png16(levels, chunk)).pixels
    assert got.dtype == np.uint16
    light = np.where(levels / 65535 <= 0.04045, levels / 65535 / 12.92, ((levels / 65535 + 0.055) / 1.055) ** 2.4)
    to_srgb = np.linalg.inv(colour.to_xyz(colour.SRGB)) @ np.array(DISPLAY_P3).T
    linear = (light @ to_srgb.T).clip(0, 1)
    want = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 65535
    assert np.abs(got - want).max() < 16  # the columns are rounded
    eight = by_littlecms(Image.fromarray((levels // 257).astype(np.uint8)), P3)
    assert np.abs(got / 257 - eight).mean() < 1


def test_what_is_srgb_already_stays_bit_for_bit():
    pixels = noise(20, 30, 3)
    for icc in (ImageCms.ImageCmsProfile(SRGB).tobytes(), colour.srgb_profile(False)):
        picture = decode(encoded(Image.fromarray(pixels), icc_profile=icc))
        assert picture.tagged
        assert np.array_equal(picture.pixels, pixels)
    assert not decode(encoded(Image.fromarray(pixels))).tagged


@pytest.mark.parametrize("space", ["RGB ", "CMYK", "GRAY"])
def test_profiles_with_tables_are_littlecmss(space):
    icc, channels = table_profile(space), {"RGB ": 3, "CMYK": 4, "GRAY": 1}[space]
    image = Image.fromarray(noise(12, 10, channels).squeeze(), "CMYK" if space == "CMYK" else None)
    want = by_littlecms(image, icc)
    got = decode(encoded(image, "TIFF", icc_profile=icc))
    if space == "GRAY":
        want = np.asarray(Image.fromarray(want.astype(np.uint8)).convert("L"))[..., None]
    assert np.array_equal(got.pixels, want)
    assert got.tagged


def test_16_bits_under_a_profile_with_tables_become_8():
    levels = noise(6, 5, 4, dtype=np.uint16) | 1
    icc = table_profile("RGB ")
    got = decode(png16(levels, (b"iCCP", b"t\0\0" + zlib.compress(icc))))
    eight = ((levels.astype(int) + 128) // 257).astype(np.uint8)
    assert np.array_equal(got.pixels, by_littlecms(Image.fromarray(eight[..., :3]), icc))
    assert np.array_equal(got.alpha, eight[..., 3])


def test_a_damaged_profile_says_nothing_whatever_is_wrong_with_it():
    pixels, generator = noise(8, 8, 3), np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(300):
            icc = bytearray(rgb_profile(DISPLAY_P3, table_curve(2.2, 5) if i % 2 else SRGB_CURVE))
            for place in generator.integers(0, len(icc), 4):
                icc[place] = generator.integers(256)
            picture = decode(encoded(Image.fromarray(pixels), icc_profile=bytes(icc[: generator.integers(1, 600)])))
            assert picture.pixels.shape == pixels.shape
    picture = decode(encoded(Image.fromarray(pixels), icc_profile=b"no profile"))
    assert np.array_equal(picture.pixels, pixels)
    assert not picture.tagged
    grey = decode(encoded(Image.fromarray(pixels), icc_profile=grey_profile(gamma_curve(1.0))))
    assert np.array_equal(grey.pixels, pixels)  # one for grey pictures in one of colours


def test_our_profile_of_srgb_is_srgbs_to_littlecms():
    pixels = noise(30, 30, 3)
    assert np.array_equal(by_littlecms(Image.fromarray(pixels), colour.srgb_profile(False)), pixels)
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(by_littlecms(Image.fromarray(ramp), colour.srgb_profile(True))[..., 0], ramp)
    for grey in (False, True):
        opened = ImageCms.ImageCmsProfile(io.BytesIO(colour.srgb_profile(grey)))
        assert ImageCms.getProfileDescription(opened).strip() == "sRGB"


# ------------------------------------------------------------------------------------- PNG's own, CMYK, LAB


def gama(value):
    return b"gAMA", struct.pack(">I", value)


def chrm(*places):
    return b"cHRM", struct.pack(">8I", *(round(100_000 * place) for place in places))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8])
def test_gama_is_heeded(channels, gamma):
    levels = noise(9, 7, channels)
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    got = decode(png(7, 9, 8, 0 if channels == 1 else 2, rows, gama(round(100_000 * gamma))))
    light = (levels / 255) ** (1 / gamma)
    want = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(got.pixels - want).max() <= 0.51
    assert got.tagged


def test_the_gama_that_goes_with_srgb_and_srgb_itself_change_nothing():
    levels = noise(9, 7, 3)
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    for chunks in ([gama(45455)], [(b"sRGB", b"\0")], [(b"sRGB", b"\0"), gama(100_000)]):
        picture = decode(png(7, 9, 8, 2, rows, *chunks))
        assert np.array_equal(picture.pixels, levels)
        assert picture.tagged


def test_chrm_is_heeded_and_an_icc_profile_goes_before_it():
    rows = b"\0" + bytes((234, 51, 35)) * 3
    places = chrm(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)  # Display P3
    assert decode(png(3, 1, 8, 2, rows, gama(45455), places)).pixels.tolist() == [[[255, 0, 0]] * 3]
    icc = b"iCCP", b"srgb\0\0" + zlib.compress(colour.srgb_profile(False))
    assert decode(png(3, 1, 8, 2, rows, icc, gama(100_000), places)).pixels.tolist() == [[[234, 51, 35]] * 3]


def test_primaries_under_another_white_are_adapted_to_ours():
    # Adobe's wide gamut has D50 for white: what is white there is white here.
    rows = b"\0" + bytes((255, 255, 255))
    wide = chrm(0.3457, 0.3585, 0.735, 0.265, 0.115, 0.826, 0.157, 0.018)
    assert decode(png(1, 1, 8, 2, rows, gama(45455), wide)).pixels.tolist() == [[[255, 255, 255]]]
    assert np.allclose(colour.to_xyz(colour.SRGB)[1], (0.2225, 0.7169, 0.0606), atol=1e-4)  # Lindbloom


@pytest.mark.parametrize("chunk", [gama(0), gama(2**31), chrm(*[0.0] * 8), chrm(*[0.3] * 8)])
def test_numbers_that_cannot_be_say_nothing(chunk):
    levels = noise(3, 3, 3)
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    picture = decode(png(3, 3, 8, 2, rows, chunk))
    assert np.array_equal(picture.pixels, levels)
    assert not picture.tagged


def test_cmyk_without_a_profile_and_lab_are_converted():
    cmyk = Image.fromarray(noise(9, 8, 4), "CMYK")
    for kind in ("TIFF", "JPEG"):
        content = encoded(cmyk, kind)
        want = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert np.array_equal(decode(content).pixels, want)
    pixels = noise(9, 8, 3) // 2 + 60
    lab = ImageCms.profileToProfile(Image.fromarray(pixels), SRGB, ImageCms.createProfile("LAB"), outputMode="LAB")
    assert np.abs(decode(encoded(lab, "TIFF")).pixels.astype(int) - pixels).max() < 8


# ----------------------------------------------------------------------------------------------- 16 bits


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_of_16_bits_is_read_to_the_last(channels, interlaced):
    levels = noise(13, 11, channels, dtype=np.uint16) | 1  # no alpha of 0
    assert np.array_equal(stack(decode(png16(levels, interlaced=interlaced))), levels)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_of_16_bits_is_read_to_the_last(channels, order, compression):
    tifffile = pytest.importorskip("tifffile")
    levels = noise(13, 11, channels, dtype=np.uint16) | 1
    options = {"photometric": "minisblack" if channels == 1 else "rgb", "byteorder": order, "rowsperstrip": 4}
    options |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(file := io.BytesIO(), levels.squeeze(), compression=compression, metadata=None, **options)
    assert np.array_equal(stack(decode(file.getvalue())), levels)


def test_black_may_be_the_largest_value_of_a_tiff():
    tifffile = pytest.importorskip("tifffile")
    for levels in (noise(5, 4), noise(5, 4, dtype=np.uint16)):
        tifffile.imwrite(file := io.BytesIO(), levels, photometric="miniswhite")
        assert np.array_equal(decode(file.getvalue()).pixels[..., 0], np.iinfo(levels.dtype).max - levels)


def test_colours_that_were_multiplied_by_alpha_are_divided_by_it():
    tifffile = pytest.importorskip("tifffile")
    for dtype, error in ((np.uint8, 5), (np.uint16, 5)):
        top = np.iinfo(dtype).max
        colours, alpha = noise(9, 8, 3, dtype=dtype), noise(9, 8, seed=1, dtype=dtype) | (top // 4 + 1)
        levels = np.dstack([(colours * (alpha[..., None] / top)).round().astype(dtype), alpha])
        tifffile.imwrite(file := io.BytesIO(), levels, photometric="rgb", extrasamples=["assocalpha"])
        picture = decode(file.getvalue())
        assert np.abs(picture.pixels.astype(int) - colours).max() <= error
        assert np.array_equal(picture.alpha, alpha)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("largest", [256, 1000, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_a_ppm_of_more_than_255_levels_is_read_to_the_last(channels, largest, plain):
    levels = noise(5, 4, channels, dtype=np.uint16) // (65535 // largest)
    kind = {(1, False): 5, (3, False): 6, (1, True): 2, (3, True): 3}[channels, plain]
    body = " ".join(map(str, levels.ravel())).encode() if plain else levels.astype(">u2").tobytes()
    got = decode(b"P%d\n# a comment\n4 5\n%d\n" % (kind, largest) + body).pixels
    assert got.dtype == np.uint16
    assert np.array_equal(got, np.rint(levels * (65535 / largest)))


def test_12_bits_fill_the_range():
    ifd = {256: 2, 257: 1, 258: 12, 259: 1, 262: 1, 273: 200, 277: 1, 278: 1, 279: 3}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ifd.items())
    content = b"II*\0\x08\0\0\0" + struct.pack("<H", len(ifd)) + entries + bytes(4)
    assert decode(content.ljust(200, b"\0") + b"\xff\xf8\x00").pixels.ravel().tolist() == [
        65535,
        round(2048 * 65535 / 4095),
    ]


@pytest.mark.parametrize(
    "levels", [noise(5, 4).astype(np.int32), noise(5, 4).astype(np.float32), noise(5, 4).astype(np.int16)]
)
def test_numbers_whose_black_and_white_no_file_says_are_refused(levels):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(file := io.BytesIO(), levels, photometric="minisblack")
    with pytest.raises(Unusable, match=r"unknown numbers: .* save it with 8 bits"):
        decode(file.getvalue())


def test_16_bits_in_planes_are_refused_and_not_read_wrongly():
    tifffile = pytest.importorskip("tifffile")
    options = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(file := io.BytesIO(), noise(3, 6, 5, dtype=np.uint16), **options)
    with pytest.raises(Unusable, match="unknown numbers"):
        decode(file.getvalue())
    tifffile.imwrite(file := io.BytesIO(), levels := noise(3, 6, 5), **options)
    assert np.array_equal(decode(file.getvalue()).pixels, levels.transpose(1, 2, 0))


# --------------------------------------------------------------------------------- upright, transparency, few bits


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_what_exif_turns_is_upright(kind, orientation):
    exif, pixels = Image.Exif(), np.kron(noise(3, 5, 3), np.ones((16, 16, 1), np.uint8))
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(pixels), kind, exif=exif, **options)
    want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    got = decode(content).pixels
    assert np.array_equal(got, want)
    assert got.shape[:2] == ((48, 80) if orientation < 5 else (80, 48))


def test_16_bits_and_alpha_are_turned_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    levels = noise(6, 4, 4, dtype=np.uint16) | 1
    got = stack(decode(png16(levels, (b"eXIf", exif.tobytes()[6:]))))
    assert np.array_equal(got, np.rot90(levels, -1))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_hidden_has_the_colour_of_its_nearest_neighbour(mode):
    pixels = noise(20, 30, len(mode))
    pixels[..., -1] = 255
    secret = pixels[5:12, 8:15].copy()
    pixels[5:12, 8:15, -1] = 0
    pixels[0, 0, -1] = 1  # hardly to be seen, and seen
    picture = decode(encoded(Image.fromarray(pixels, mode)))
    assert np.array_equal(picture.alpha, pixels[..., -1])
    seen = pixels[..., -1] > 0
    assert np.array_equal(picture.pixels[seen], pixels[..., :-1][seen])
    assert not np.array_equal(picture.pixels[5:12, 8:15], secret[..., :-1])
    assert np.array_equal(picture.pixels[5, 8], pixels[5, 7, :-1]) or np.array_equal(
        picture.pixels[5, 8], pixels[4, 8, :-1]
    )
    assert np.array_equal(picture.pixels[8, 8], pixels[8, 7, :-1])
    pixels[5:12, 8:15, :-1] = 0  # whatever is hidden, the picture is the same
    assert np.array_equal(decode(encoded(Image.fromarray(pixels, mode))).pixels, picture.pixels)


def test_a_picture_with_nothing_to_see_is_grey():
    for pixels in (noise(5, 6, 4), noise(5, 6, 4, dtype=np.uint16)):
        pixels[..., 3] = 0
        content = png16(pixels) if pixels.dtype == np.uint16 else encoded(Image.fromarray(pixels))
        assert set(np.unique(decode(content).pixels)) == {np.iinfo(pixels.dtype).max // 2 + 1}


def test_a_colour_that_stands_for_transparent_is_hidden():
    pixels = noise(6, 5, 3)
    key = tuple(pixels[2, 3].tolist())
    hidden = (pixels == key).all(-1)
    content = encoded(Image.fromarray(pixels), transparency=key)
    assert np.array_equal(decode(content).alpha == 0, hidden)
    for channels in (1, 3):
        levels = noise(6, 5, channels, dtype=np.uint16)
        chunk = b"tRNS", levels[2, 3].astype(">u2").tobytes()
        assert np.array_equal(decode(png16(levels, chunk)).alpha == 0, (levels == levels[2, 3]).all(-1))
    palette = Image.fromarray(pixels).quantize(8)
    for kind in ("PNG", "GIF"):
        got = decode(encoded(palette, kind, transparency=3))
        assert np.array_equal(got.alpha == 0, np.asarray(palette) == 3)


@pytest.mark.parametrize(
    ("depth", "row", "levels"),
    [(1, b"\xa0", [255, 0, 255, 0]), (2, b"\x1b", [0, 85, 170, 255]), (4, b"\x05\x5f", [0, 85, 85, 255])],
)
def test_of_few_bits_too_one_level_may_be_transparent(depth, row, levels):
    key = {1: 1, 2: 1, 4: 5}[depth]
    picture = decode(png(4, 1, depth, 0, b"\0" + row, (b"tRNS", struct.pack(">H", key))))
    at = key * 255 // (2**depth - 1)
    assert picture.alpha.ravel().tolist() == [0 if level == at else 255 for level in levels]
    assert at not in picture.pixels


@pytest.mark.parametrize("content", [b"P1\n3 2\n1 0 1\n0 1 0\n", b"P1\n# plain\n3 2\n101010", b"P4\n3 2\n\xa0\x40"])
def test_a_pbm_is_read_plain_or_not(content):
    assert decode(content).pixels[..., 0].tolist() == [[0, 255, 0], [255, 0, 255]]


# ---------------------------------------------------------------------------------------- several, other, damaged


def test_a_telephones_photo_is_the_first_of_its_file():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.fromarray(np.kron(noise(8, 12, 3), np.ones((8, 8, 1), np.uint8)))
    content = encoded(
        photo, "MPO", save_all=True, append_images=[photo.resize((24, 16))], exif=exif, icc_profile=P3, quality=95
    )
    picture = decode(content)
    assert Image.open(io.BytesIO(content)).n_frames == 2
    assert picture.pixels.shape == (96, 64, 3)
    want = by_littlecms(ImageOps.exif_transpose(Image.open(io.BytesIO(content))), P3)
    assert np.abs(picture.pixels - want).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_pages_and_moving_pictures_are_refused_with_their_number(kind):
    frames = [Image.fromarray(noise(9, 8, 3, seed=i)) for i in range(3)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(Unusable, match="several pictures: holds 3 pictures; save the one"):
        decode(content)
    assert decode(encoded(frames[0], kind, save_all=True)).pixels.shape == (9, 8, 3)


def test_a_raw_files_preview_is_not_taken_for_the_photo():
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(file := io.BytesIO(), noise(12, 16, 3), photometric="rgb", subfiletype=1)
    with pytest.raises(Unusable, match="preview"):
        decode(file.getvalue())


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n0 0 moveto showpage\n%%EOF\n"


@pytest.mark.parametrize(
    "content",
    [EPS, b"", b"no picture", encoded(Image.new("RGB", (9, 9)), "ICO"), encoded(Image.new("RGB", (9, 9)), "TGA")],
    ids=["EPS", "empty", "text", "ICO", "TGA"],
)
def test_other_formats_are_no_pictures_and_start_no_program(content, monkeypatch):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", None)
    with pytest.raises(Unusable, match="no picture: is not a picture"):
        decode(content)
    assert not is_picture(io.BytesIO(content))


def test_heic_is_named():
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(Unusable, match="no picture: is HEIC, which is not read; save it as PNG or JPEG"):
        decode(content)
    assert is_picture(io.BytesIO(content))
    assert not is_picture(io.BytesIO(content.replace(b"heic", b"isom")))  # a film


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_too_large_is_refused_before_it_is_decoded():
    for width, height in ((10_000, 9_000), (60_000, 60_000)):
        with pytest.raises(Unusable, match=r"decompression bomb: is too large.* smaller than 80,000,000 pixels"):
            decode(png(width, height, 8, 2, b""))


def test_text_that_begins_like_a_picture_is_none():
    for text in (b"P6 is a postcode", b"BM", b"GIF89a", b"P5\nabc", b"II*\0", b"\x89PNG\r\n\x1a\n", b"P1\n"):
        assert not is_picture(io.BytesIO(text))


# ------------------------------------------------------------------------------------------------- writing


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("deep", [False, True])
def test_a_png_that_is_written_in_rows_is_what_others_read(channels, deep):
    levels = noise(11, 9, channels, dtype=np.uint16 if deep else np.uint8)
    write_png(file := io.BytesIO(), [levels[:4], levels[4:5], levels[5:]], levels.shape, deep)
    opened = Image.open(io.BytesIO(file.getvalue()))
    opened.verify()
    opened = Image.open(io.BytesIO(file.getvalue()))
    if not deep:
        assert opened.mode == ("L", "LA", "RGB", "RGBA")[channels - 1]
        assert np.array_equal(np.asarray(opened).reshape(levels.shape), levels)
        return
    torchvision = pytest.importorskip("torchvision.io")
    import torch

    read = torchvision.decode_image(torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8), "UNCHANGED")
    assert np.array_equal(read.permute(1, 2, 0).numpy(), levels)
    assert math.isclose(len(file.getvalue()), levels.nbytes, rel_tol=0.5)


@pytest.mark.parametrize("grey", [False, True])
def test_a_profile_is_written_where_pillow_finds_it(grey):
    levels = noise(5, 4, 1 if grey else 3)
    write_png(file := io.BytesIO(), [levels], levels.shape, False, colour.srgb_profile(grey))
    assert Image.open(io.BytesIO(file.getvalue())).info["icc_profile"] == colour.srgb_profile(grey)
    picture = decode(file.getvalue())
    assert picture.tagged
    assert np.array_equal(picture.pixels, levels)


def test_a_profile_of_another_kind_does_not_hurt():
    levels = noise(5, 4, 3)
    for icc in (profile("HSV ", {}), profile("RGB ", {}), profile("GRAY", {})):
        assert np.array_equal(decode(encoded(Image.fromarray(levels), icc_profile=icc)).pixels, levels)


# ------------------------------------------------------------- found by two readers


def as_plain(array):
    return array.astype(int)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_grey_picture_under_a_table_for_colours_is_converted(depth):
    icc, levels = table_profile("RGB "), np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
    rgb = by_littlecms(Image.fromarray(np.dstack([levels] * 3)), icc)
    want = np.asarray(Image.fromarray(rgb.astype(np.uint8)).convert("L")).astype(int)
    if depth == 8:
        content = encoded(Image.fromarray(levels), icc_profile=icc)
    else:
        content = encoded(Image.fromarray(levels.astype(np.uint16) * 257), icc_profile=icc)
    picture = decode(content)
    assert picture.tagged
    assert np.abs(want - levels).max() > 9  # the profile does something
    assert np.abs(as_plain(picture.pixels[..., 0]) - want).max() <= 1


def test_a_grey_profile_in_a_colour_picture_says_nothing():
    levels = noise(8, 8, 3)
    picture = decode(encoded(Image.fromarray(levels), icc_profile=grey_profile(gamma_curve(1.0))))
    assert not picture.tagged
    assert np.array_equal(picture.pixels, levels)


@pytest.mark.parametrize("word", [b"nan", b"-4", b"1e3", b"1_0", b"0x1", b"4.0", b"+4", b"70000", b"9" * 400, b"\xb2"])
def test_a_word_that_is_no_level_is_damage(word):
    with pytest.raises(Unusable, match="damaged"):
        decode(b"P2 2 2 65535 1 2 " + word + b" 4\n")
    assert decode(b"P2 2 2 65535 1 2 3 # nan\n4\n").pixels.ravel().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize(("depth", "colour", "channels"), [(8, 0, 1), (8, 2, 3), (1, 0, 1), (16, 6, 4), (4, 3, 1)])
def test_a_png_of_fewer_rows_than_it_says_is_cut_short(depth, colour, channels, interlaced):
    width, height = 11, 9
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = []
    for x, y, across, down in passes:
        columns = -(-(width - x) // across)
        rows += [bytes(1 + -(-columns * depth * channels // 8))] * -(-(height - y) // down)
    palette = [(b"PLTE", bytes(48))] if colour == 3 else []
    whole = png(width, height, depth, colour, b"".join(rows), *palette, interlaced=interlaced)
    assert decode(whole).pixels.shape[:2] == (height, width)
    for lost in (1, 3, len(rows)):
        short = png(width, height, depth, colour, b"".join(rows[:-lost]), *palette, interlaced=interlaced)
        with pytest.raises(Unusable, match=r"cut short|damaged"):
            decode(short)
    longer = png(width, height, depth, colour, b"".join(rows) + bytes(10**6), *palette, interlaced=interlaced)
    assert decode(longer).pixels.shape[:2] == (height, width)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_text_that_is_too_long_is_named(kind):
    packed = zlib.compress(bytes(3 << 20))
    inside = {b"zTXt": b"key\0\0" + packed, b"iTXt": b"key\0\1\0\0\0" + packed, b"iCCP": b"p\0\0" + packed}[kind]
    content = png(2, 2, 8, 0, b"\0ab\0cd", (kind, inside))
    with pytest.raises(Unusable, match="text or profile of over 1 MB; save it without"):
        decode(content)


# primaries, transfer: what a reader should see of (234, 51, 35) and of a grey of 128
CICP = [
    (1, 13, (234, 51, 35), 128),
    (12, 13, (255, 0, 0), 128),
    (1, 8, (246, 124, 104), 188),
    (9, 13, (255, 0, 2), 128),  # by the matrix of BT.2087
]


@pytest.mark.parametrize(("primaries", "transfer", "red", "grey"), CICP)
def test_the_code_for_colours_goes_before_a_profile(primaries, transfer, red, grey):
    rows = b"\0" + bytes((234, 51, 35, 128, 128, 128))
    code, icc = (b"cICP", bytes((primaries, transfer, 0, 1))), (b"iCCP", b"p\0\0" + zlib.compress(P3))
    for others in ([], [icc], [(b"gAMA", struct.pack(">I", 100000))]):
        picture = decode(png(2, 1, 8, 2, rows, code, *others))
        assert picture.tagged
        assert np.abs(picture.pixels[0].astype(int) - [red, (grey,) * 3]).max() <= 1


@pytest.mark.parametrize("code", [(9, 16, 0, 1), (9, 18, 0, 1), (1, 13, 1, 1), (1, 13, 0, 0), (77, 13, 0, 1), (1,)])
def test_a_range_beyond_srgbs_is_refused(code):
    with pytest.raises(Unusable, match="save it as sRGB"):
        decode(png(1, 1, 8, 2, b"\0abc", (b"cICP", bytes(code))))


def test_signed_numbers_are_refused():
    tifffile = pytest.importorskip("tifffile")
    for dtype in (np.int8, np.int16):
        tifffile.imwrite(file := io.BytesIO(), np.array([[-3, 3], [100, 0]], dtype))
        with pytest.raises(Unusable, match="numbers"):
            decode(file.getvalue())


NETPBM = [b"P4 9 2 " + bytes(4), b"P5 3 2 255 " + bytes(6), b"P6 3 2 255 " + bytes(18), b"P5 3 2 65535 " + bytes(12)]
NETPBM += [b"P6 3 2 65535 " + bytes(36), b"P5 3 2 100 " + bytes(6), b"P6 3 2 1023 " + bytes(36)]
NETPBM += [b"P1 2 2 1 0 0 1\n", b"P2 2 2 255 1 2 3 4\n", b"P3 1 1 255 1 2 3\n", b"P2 2 2 65535 1 2 3 4\n"]


@pytest.mark.parametrize("content", NETPBM, ids=lambda content: content[:12].decode().strip("\0"))
def test_two_pictures_in_a_row_are_two(content):
    decode(content + b"\n# the end\n")
    for between in (b"", b"\n", b" \n\t"):
        with pytest.raises(Unusable, match="another picture"):
            decode(content + between + content)


def nclx(primaries, transfer):
    """An AVIF of a red and a grey whose own code for colours is this."""
    levels = np.repeat(np.array([[[234, 51, 35], [128, 128, 128]]], np.uint8), 8, axis=0).repeat(8, axis=1)
    content = bytearray(encoded(Image.fromarray(levels), "AVIF", quality=100, subsampling="4:4:4"))
    place = content.find(b"nclx")
    assert place > 0
    content[place + 4 : place + 8] = struct.pack(">HH", primaries, transfer)
    return bytes(content)


@pytest.mark.skipif("AVIF" not in Image.SAVE, reason="this Pillow has no AVIF")
@pytest.mark.parametrize(("primaries", "transfer", "red", "grey"), CICP)
def test_an_avifs_own_code_for_colours_is_heeded(primaries, transfer, red, grey):
    picture = decode(nclx(primaries, transfer))
    assert picture.tagged
    assert np.abs(picture.pixels[4, [4, 12]].astype(int) - [red, (grey,) * 3]).max() <= 4
    assert not decode(nclx(2, 2)).tagged  # unspecified


@pytest.mark.skipif("AVIF" not in Image.SAVE, reason="this Pillow has no AVIF")
@pytest.mark.parametrize("code", [(9, 16), (9, 18), (300, 13), (1, 300)])
def test_an_avif_of_a_wider_range_is_refused(code):
    with pytest.raises(Unusable, match="save it as sRGB"):
        decode(nclx(*code))


@pytest.mark.parametrize("masks", [(0xF800, 0x07E0, 0x1F), (0x7C00, 0x03E0, 0x1F)], ids=["565", "555"])
def test_a_bmp_of_16_bits_a_pixel_has_8_a_channel(masks):
    rows = struct.pack("<HH", masks[0], masks[1])
    header = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, len(rows), 0, 0, 0, 0) + struct.pack("<III", *masks)
    start = 14 + len(header)
    picture = decode(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + rows)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.tolist() == [[[255, 0, 0], [0, 255, 0]]]


BEYOND = [b"P2 2 2 255 1 2 3 999", b"P2 2 2 100 1 2 3 200", b"P5 2 2 100 " + bytes([1, 2, 3, 200])]
BEYOND += [b"P6 1 1 100 " + bytes([1, 2, 101]), b"P5 2 1 1000 " + struct.pack(">HH", 1, 1001), b"P3 1 1 7 1 2 8"]


@pytest.mark.parametrize("content", BEYOND)
def test_netpbm_numbers_above_the_largest_are_damage(content):
    with pytest.raises(Unusable, match="damaged"):
        decode(content)


@pytest.mark.parametrize("clear", [[], [(b"tRNS", b"\0\1")]])
def test_a_colour_beyond_the_palette_is_damage(clear):
    palette = (b"PLTE", bytes(range(6)))
    assert decode(png(2, 1, 8, 3, b"\0\0\1", palette, *clear)).pixels.shape == (1, 2, 3)
    with pytest.raises(Unusable, match="beyond its palette"):
        decode(png(2, 1, 8, 3, b"\0\0\2", palette, *clear))


def test_a_tiff_is_one_even_if_its_directory_is_not_there_yet():
    content = encoded(Image.fromarray(noise(300, 400, 3)), "TIFF")
    for head in (content, content[:1000], b"MM\0*" + bytes(9), b"II+\0" + bytes(9)):
        assert is_picture(io.BytesIO(head))
    assert not is_picture(io.BytesIO(b"II, the second part of a story"))
