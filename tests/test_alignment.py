"""A face put at its place: where its eyes land, what is averaged away, and what cannot be."""

import numpy as np
import photo_trees
import pytest
from PIL import Image
from scipy import ndimage

from mffcn_lite.data.prepare.alignment import Placement, Unusable, crop_matrix, eyes_matrix, parse_eyes, place
from mffcn_lite.data.prepare.warping import warp


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def found_eyes(pixels):
    """The centres of the two brightest blobs, by their weight, left one first."""
    bright = np.where(pixels > 90, pixels.astype(float) - 90, 0)
    labels, count = ndimage.label(bright)
    assert count == 2
    return sorted((x, y) for y, x in ndimage.center_of_mass(bright, labels, [1, 2]))


@pytest.mark.parametrize("eyes", ["csu", "tight", "30,60,100,66"])
@pytest.mark.parametrize("distance", [14.0, 40.0, 110.0, 200.0])
@pytest.mark.parametrize("degrees", [-25.0, -3.0, 0.0, 12.0])
def test_eyes_land_within_a_tenth_of_a_pixel_of_their_places(degrees, distance, eyes):
    picture, true = photo_trees.on_canvas(None, (240.3, 330.6), distance, degrees, mark=True)
    places = parse_eyes(eyes, 128)
    placed = place(picture, true, Placement(eyes=places))
    np.testing.assert_allclose(found_eyes(placed.pixels[0]), places, atol=0.1)
    np.testing.assert_allclose(placed.eyes, places, atol=1e-9)
    (a, b), (c, d) = places
    assert placed.enlargement == pytest.approx(np.hypot(c - a, d - b) / distance)


def test_the_order_in_which_eyes_are_given_does_not_matter():
    picture, (left, right) = photo_trees.on_canvas(noise(112, 92))
    np.testing.assert_array_equal(
        place(picture, (left, right), Placement()).pixels, place(picture, (right, left), Placement()).pixels
    )


@pytest.mark.parametrize("shape", [(768, 512), (300, 200), (131, 128), (128, 128)])
def test_an_upright_photo_that_shrinks_is_what_pil_makes_of_it(shape):
    height, width = shape
    got = warp(noise(height, width), crop_matrix(width, height, 128, None, whole=True), 128)
    pil = Image.fromarray(noise(height, width)).convert("F").resize((128, 128), Image.Resampling.BICUBIC)
    # Within; at the border PIL leaves out what lies beyond, and here the last pixel is repeated.
    np.testing.assert_allclose(got[4:-4, 4:-4], np.asarray(pil)[4:-4, 4:-4], atol=1e-3)


def by_hand(plane, matrix, size):
    """Each pixel's weighted mean, written out: what `warp` computes on a lattice with a spline."""

    def weights(centre, count, width):
        taps = np.ceil(centre - 2 * width) + np.arange(int(4 * width) + 1)
        x = abs(taps - centre) / width
        cubic = np.where(x < 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))
        return taps.clip(0, count - 1).astype(int), cubic / cubic.sum()

    out = np.empty((size, size))
    for v, u in np.ndindex(size, size):
        x, y = matrix @ (u, v, 1)
        width = max(1, np.hypot(*matrix[0, :2]))
        (columns, across), (rows, down) = weights(x, plane.shape[1], width), weights(y, plane.shape[0], width)
        out[v, u] = down @ plane[np.ix_(rows, columns)] @ across
    return out


@pytest.mark.parametrize("eyes", [((70.0, 80.0), (130.0, 88.0)), ((70.0, 80.0), (85.0, 81.0))])
def test_a_turned_photo_is_the_mean_under_a_bicubic_kernel(orl, eyes):
    plane = np.asarray(Image.fromarray(orl.images[3, 0]).resize((184, 224), Image.Resampling.BICUBIC))
    matrix = eyes_matrix(eyes, ((13.0, 16.0), (19.0, 16.0)))
    error = warp(plane, matrix, 32) - by_hand(plane, matrix, 32)
    assert abs(error).max() < 1
    assert np.sqrt((error**2).mean()) < 0.1


@pytest.mark.parametrize("degrees", [0.0, 5.0, -17.0])
@pytest.mark.parametrize("direction", [0.0, 30.0, 90.0])
def test_a_grating_too_fine_for_the_prepared_photo_leaves_nothing_behind(direction, degrees):
    y, x = np.mgrid[:768, :512]
    for period in (2.3, 3.0, 4.2):  # pixels of the source, where a prepared pixel is 5 of them: it cannot be shown
        phase = x * np.cos(np.radians(direction)) + y * np.sin(np.radians(direction))
        grating = np.rint(127.5 + 120 * np.sin(2 * np.pi * phase / period)).astype(np.uint8)
        turn = 60 * np.exp(1j * np.radians(degrees))
        a, b = 256 + 380j - turn, 256 + 380j + turn
        matrix = eyes_matrix(((a.real, a.imag), (b.real, b.imag)), ((52.0, 64.0), (76.0, 64.0)))
        inside = warp(grating, matrix, 128)[40:90, 40:90]
        assert abs(inside - 127.5).max() < 3
        # The same photo by picking pixels: a coarse grating that was never there.
        v, u = np.mgrid[40:90, 40:90]
        at = np.rint(np.einsum("ij,jhw->ihw", matrix, np.stack([u, v, np.ones_like(u)]))).astype(int)
        assert grating[at[1], at[0]].std() > 60


def test_a_grating_that_can_be_shown_is_kept():
    x = np.tile(np.arange(512), (768, 1))
    wave = np.rint(127.5 + 100 * np.sin(2 * np.pi * x / 60)).astype(np.uint8)
    matrix = eyes_matrix(((196.0, 380.0), (316.0, 380.0)), ((52.0, 64.0), (76.0, 64.0)))
    inside = warp(wave, matrix, 128)[60, 40:90]
    want = 127.5 + 100 * np.sin(2 * np.pi * (196 + 5 * (np.arange(40, 90) - 52)) / 60)
    np.testing.assert_allclose(inside, want, atol=4)


def test_enlarging_is_recorded_and_invents_no_range():
    picture, eyes = photo_trees.on_canvas(None, (60.0, 70.0), 12.0, 4.0, (120, 140), mark=True)
    placed = place(picture, eyes, Placement(eyes=((40.0, 48.0), (87.0, 48.0))))
    assert placed.enlargement == pytest.approx(47 / 12)
    assert placed.outside == 0


def test_beyond_the_border_the_last_pixel_is_repeated_and_the_share_is_told():
    picture = Image.new("L", (100, 100), 77)
    placed = place(picture, ((40.0, 50.0), (60.0, 50.0)), Placement())
    assert (placed.pixels == 77).all()
    # A prepared pixel is 20/24 of a source pixel: 107 of them across, and as far down as there is.
    assert 0.05 < placed.outside < 0.4


def test_grey_is_the_luma_of_bt601_and_color_keeps_three_channels():
    picture = Image.new("RGB", (200, 200), (200, 100, 30))
    eyes = ((80.0, 90.0), (120.0, 90.0))
    assert (place(picture, eyes, Placement()).pixels == round(0.299 * 200 + 0.587 * 100 + 0.114 * 30)).all()
    colour = place(picture, eyes, Placement(color=True)).pixels
    assert colour.shape == (3, 128, 128)
    assert (colour == np.array([200, 100, 30])[:, None, None]).all()


def test_a_centre_of_the_right_size_is_taken_pixel_by_pixel():
    pixels = noise(250, 250)
    placed = place(Image.fromarray(pixels), None, Placement(align="crop", window=128))
    np.testing.assert_array_equal(placed.pixels[0], pixels[61:189, 61:189])
    assert (placed.enlargement, placed.outside, placed.eyes) == (1, 0, None)


def test_known_eyes_follow_a_crop_and_a_squeeze():
    picture = Image.fromarray(noise(300, 200))
    crop = place(picture, ((80.0, 120.0), (120.0, 122.0)), Placement(size=100, align="crop"))
    np.testing.assert_allclose(crop.eyes, ((39.75, 34.75), (59.75, 35.75)))
    whole = place(picture, ((80.0, 120.0), (120.0, 122.0)), Placement(size=100, align="none"))
    np.testing.assert_allclose(whole.eyes, ((39.75, 39.6667), (59.75, 40.3333)), atol=1e-3)
    outside = place(picture, ((80.0, 20.0), (120.0, 22.0)), Placement(size=100, align="crop"))
    assert outside.eyes is None


@pytest.mark.parametrize(
    "eyes", [((1, 1), (2, 1)), ((50, 50), (54, 90)), ((-3, 50), (60, 50)), ((50, 50), (600, 50)), ((50, 50), (50, 50))]
)
def test_eyes_that_cannot_be_are_refused(eyes):
    with pytest.raises(Unusable, match="eyes that cannot be"):
        place(Image.fromarray(noise(200, 200)), tuple((float(x), float(y)) for x, y in eyes), Placement())


def test_without_eyes_a_photo_is_left_out_or_cropped():
    picture = Image.fromarray(noise(200, 160))
    with pytest.raises(Unusable, match="no eye coordinates"):
        place(picture, None, Placement())
    cropped = place(picture, None, Placement(no_eyes="crop"))
    np.testing.assert_array_equal(cropped.pixels, place(picture, None, Placement(align="crop")).pixels)
    with pytest.raises(Unusable, match="too small: 15×300"):
        place(Image.fromarray(noise(300, 15)), None, Placement(align="none"))
    with pytest.raises(Unusable, match="too small"):
        place(picture, None, Placement(align="crop", window=170))


def test_bad_settings_are_one_sentence(refuses):
    refuses(lambda: Placement(size=2), "size (=2)")
    refuses(lambda: Placement(align="face"), "align")
    refuses(lambda: Placement(eyes=((76.0, 64.0), (52.0, 64.0))), "eyes", "left")
    refuses(lambda: Placement(size=64), "eyes", "64×64")
    refuses(lambda: Placement(window=1), "window (=1)")
    for text in ("csus", "1,2,3", "1,2,3,x", ""):
        refuses(lambda text=text: parse_eyes(text, 128), "--eyes", "csu")
    assert parse_eyes("csu", 128) == ((52, 64), (76, 64))
    np.testing.assert_allclose(parse_eyes("csu", 64), ((25.75, 31.75), (37.75, 31.75)))
