"""Batches are what they claim to be: every crop is looked up in the photos that it was drawn from."""

import threading

import numpy as np
import pytest
import torch

from mffcn_lite.data import FaceSet, load_faces, save_faces, split_by_person
from mffcn_lite.data.faceset import MappedPhotos
from mffcn_lite.degrade import degrade, downsample
from mffcn_lite.training import Sampler, TrainingConfig, sampling
from mffcn_lite.training.sampling import cut_out


def noise(count, height, width, channels=1):
    """Photos of noise: no two crops of them are equal."""
    images = np.random.default_rng(5).integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    return FaceSet(images, np.arange(count), [str(i) for i in range(count)], {})


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def places(crop, photos):
    """All (photo, top, left) where `crop` (C×h×w) lies in `photos` (N×C×H×W), exactly."""
    height, width = crop.shape[-2:]
    windows = photos.unfold(2, height, 1).unfold(3, width, 1)  # N×C×(H−h+1)×(W−w+1)×h×w
    same = (windows == crop[:, None, None]).all(-1).all(-1).all(1)
    return [tuple(place) for place in same.nonzero().tolist()]


def explain(blurred, hr, faces, factors, flip, kernel="bicubic"):
    """For each item of a batch where its crop lies and whether it is mirrored; and the factors that explain all."""
    whole = faces.floats()
    found = []
    for crop in hr:
        plain = [(False, *place) for place in places(crop, whole)]
        mirrored = [(True, *place) for place in places(crop.flip(-1), whole)]
        assert len(plain) + len(mirrored) == 1
        assert flip or plain
        found += plain + mirrored
    height, width = hr.shape[-2:]
    fitting = []
    for factor in factors:
        degraded = degrade(whole, factor, kernel)
        want = []
        for mirror, photo, top, left in found:
            crop = degraded[photo, :, top : top + height, left : left + width]
            want.append(crop.flip(-1) if mirror else crop)
        if torch.allclose(blurred, torch.stack(want), atol=1e-6, rtol=0):
            fitting.append(factor)
    return found, fitting


@pytest.mark.parametrize("works_on", ["blurred", "small"])
def test_in_a_mixed_batch_the_factors_take_turns(works_on):
    faces, generator, seen = noise(7, 24, 24), seeded(), []
    config = TrainingConfig(batch=4, mixed=True, crop=12, flip=True)
    sampler = Sampler(faces, config, works_on=works_on)
    for _ in range(30):
        draws = sampler.plan(generator)
        assert sorted(set(draws.factors)) == [2, 3, 4]  # four photos: one of the factors twice
        seen.append(max(draws.factors, key=draws.factors.count))
        given, hr = sampler.make(sampler.images[draws.index], draws)
        if works_on == "small":
            groups = [hr[draws.factors.index(f) :][: draws.factors.count(f)] for f in (2, 3, 4)]
            wanted = [downsample(group, factor) for group, factor in zip(groups, (2, 3, 4), strict=True)]
            assert all(torch.equal(a, b) for a, b in zip(given, wanted, strict=True))
            continue
        for one, photo, factor in zip(given, hr, draws.factors, strict=True):
            assert factor in explain(one[None], photo[None], faces, (2, 3, 4), flip=True)[1]
    assert set(seen) == {2, 3, 4}


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("crop", [None, 9])
def test_a_batch_is_crops_of_photos_that_were_degraded_whole_by_one_factor(crop, flip):
    faces = noise(7, 22, 19, channels=2)  # neither 3 nor 4 divides them: a crop's phase matters
    factors = (2, 3, 4)
    sampler = Sampler(faces, TrainingConfig(batch=12, factors=factors, crop=crop, flip=flip))
    generator, drawn, used = seeded(), [], []
    for _ in range(25):
        blurred, hr = sampler.draw(generator)
        assert blurred.shape == hr.shape == ((12, 2, 22, 19) if crop is None else (12, 2, crop, crop))
        found, fitting = explain(blurred, hr, faces, factors, flip)
        assert len(fitting) == 1
        drawn += found
        used += fitting
    assert {photo for _, photo, _, _ in drawn} == set(range(7))
    assert {factor: used.count(factor) > 2 for factor in factors} == {2: True, 3: True, 4: True}
    mirrored = sum(mirror for mirror, *_ in drawn) / len(drawn)
    assert 0.4 < mirrored < 0.6 if flip else mirrored == 0
    tops, lefts = {top for _, _, top, _ in drawn}, {left for *_, left in drawn}
    assert tops == (set(range(22 - 9 + 1)) if crop else {0})
    assert lefts == (set(range(19 - 9 + 1)) if crop else {0})


def test_real_faces_are_found_in_their_batch_too(orl):
    faces = orl[::80]
    config = TrainingConfig(batch=4, factors=(3,), crop=24, flip=True)
    found, fitting = explain(*Sampler(faces, config).draw(seeded(2)), faces, (2, 3, 4), flip=True)
    assert fitting == [3]
    assert len(found) == 4


@pytest.mark.parametrize("kernel", ["bilinear", "area"])
def test_the_kernel_of_the_configuration_is_used(kernel):
    faces = noise(3, 20, 18)
    blurred, hr = Sampler(faces, TrainingConfig(batch=5, factors=(2,), kernel=kernel)).draw(seeded())
    assert explain(blurred, hr, faces, (2,), False, kernel)[1] == [2]
    assert explain(blurred, hr, faces, (2,), False, "bicubic")[1] == []


def test_only_the_given_factors_are_drawn():
    faces = noise(4, 24, 24)  # of 2 … 8, only 7 and 8 give small photos of the same size
    sampler, generator = Sampler(faces, TrainingConfig(batch=2, factors=(2, 5))), seeded()
    used = [explain(*sampler.draw(generator), faces, range(2, 9), False)[1] for _ in range(20)]
    assert {tuple(fitting) for fitting in used} == {(2,), (5,)}


@pytest.mark.slow
def test_batches_are_floats_between_0_and_1_and_hr_is_pixels_over_255():
    faces = noise(3, 12, 12)
    blurred, hr = Sampler(faces, TrainingConfig(batch=4)).draw(seeded())
    assert blurred.dtype == hr.dtype == torch.float32
    assert 0 <= hr.min() < 0.1 < 0.9 < hr.max() <= 1
    torch.testing.assert_close(hr * 255, (hr * 255).round(), atol=1e-4, rtol=0)


def test_the_same_generator_gives_the_same_batches_and_another_gives_others():
    faces = noise(6, 20, 18)
    config = TrainingConfig(batch=4, crop=8, flip=True)
    first, second, other = seeded(1), seeded(1), seeded(2)
    one, two = Sampler(faces, config), Sampler(faces, config)
    batches = [(one.draw(first), two.draw(second), one.draw(other)) for _ in range(6)]
    for a, b, c in batches:
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
        assert not torch.equal(a[1], c[1])
    assert not torch.equal(batches[0][0][1], batches[1][0][1])


def test_a_restored_generator_goes_on_where_it_stopped_and_nothing_else_is_random():
    sampler = Sampler(noise(6, 20, 18), TrainingConfig(batch=4, crop=8, flip=True))
    generator = seeded(1)
    sampler.draw(generator)
    state = generator.get_state()
    want = sampler.draw(generator)
    torch.manual_seed(99)
    again = torch.Generator()
    again.set_state(state)
    got = sampler.draw(again)
    assert torch.equal(got[0], want[0])
    assert torch.equal(got[1], want[1])


def test_drawing_leaves_the_photos_and_the_global_generator_alone():
    faces = noise(3, 12, 12)
    before, state = faces.images.copy(), torch.get_rng_state()
    blurred, hr = Sampler(faces, TrainingConfig(batch=4)).draw(seeded())
    blurred.zero_()
    hr.zero_()
    np.testing.assert_array_equal(faces.images, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_each_crop_lies_where_it_should_in_its_own_image():
    images, generator = torch.rand(200, 2, 7, 6, generator=seeded(3)), seeded()
    top, left = (torch.randint(high, (200,), generator=generator) for high in (4, 3))
    crops = cut_out(images, 4, top, left)
    found = [places(square, images[i : i + 1]) for i, square in enumerate(crops)]
    assert found == [[(0, *place)] for place in zip(top.tolist(), left.tolist(), strict=True)]


def test_a_crop_as_large_as_the_shorter_side_is_the_largest(refuses):
    faces = noise(2, 12, 9)
    assert Sampler(faces, TrainingConfig(batch=2, crop=9)).draw(seeded())[1].shape == (2, 1, 9, 9)
    for crop in (10, 0, -1):
        refuses(lambda crop=crop: Sampler(faces, TrainingConfig(crop=crop)), f"crop (={crop})", "(=9)")


def test_a_factor_that_the_photos_are_too_small_for_is_refused(refuses):
    sampler = Sampler(noise(2, 12, 9), TrainingConfig(batch=2, factors=(10,)))
    refuses(lambda: sampler.draw(seeded()), "factor (=10)", "(=9 pixels)")


def test_a_set_without_photos_is_refused(refuses):
    refuses(lambda: Sampler(noise(2, 12, 9)[:0], TrainingConfig()), "no photos")


# ---------------------------------------------------------------------------------- photos that are too many


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Photos in memory and the same ones mapped from disk, which are told to be too many for the device."""
    faces = noise(40, 20, 18)
    save_faces(faces, tmp_path / "set")
    monkeypatch.setattr(sampling, "RESIDENT", 0)
    return faces, load_faces(tmp_path / "set")


@pytest.mark.parametrize(
    "some", [slice(None), slice(3, 30), np.array([1, 4, 5, 9, 30])], ids=["all", "slice", "picked"]
)
@pytest.mark.parametrize("works_on", ["blurred", "small"])
def test_read_from_the_map_ahead_of_time_they_give_the_same_batches(mapped, some, works_on):
    faces, stored = (photos[some] for photos in mapped)
    config = TrainingConfig(batch=4, crop=9, flip=True)
    one, two = Sampler(faces, config, works_on=works_on), Sampler(stored, config, works_on=works_on)
    assert one.stream is None
    assert two.images is None
    first, second = seeded(1), seeded(1)
    for _ in range(6):
        (given, hr), (as_given, as_hr) = one.draw(first), two.draw(second)
        assert torch.equal(hr, as_hr)
        assert all(torch.equal(a, b) for a, b in zip(given, as_given, strict=True))


def test_a_wrong_guess_about_the_next_batch_is_no_harm(mapped):
    faces, stored = mapped
    config = TrainingConfig(batch=4)
    one, two = Sampler(faces, config), Sampler(stored, config)
    for seed in (1, 2, 3):  # each time another generator than the one that was guessed
        assert torch.equal(one.draw(seeded(seed))[1], two.draw(seeded(seed))[1])


def test_the_next_batch_is_read_while_this_one_is_worked_on(mapped, monkeypatch):
    sampler, generator, reads = Sampler(mapped[1], TrainingConfig(batch=4)), seeded(), []
    read = sampler.stream.read
    monkeypatch.setattr(
        sampler.stream, "read", lambda index: reads.append(threading.current_thread().name) or read(index)
    )
    for _ in range(5):
        sampler.draw(generator)
    sampler.stream.ahead[1].result()
    assert reads[0] == "MainThread"
    assert len(reads) == 6
    assert all(name.startswith("photos") for name in reads[1:])


def test_a_split_of_mapped_photos_stays_mapped(mapped):
    faces, stored = mapped
    train, _ = split_by_person(stored)
    plain, _ = split_by_person(faces)
    assert isinstance(train.images, MappedPhotos)
    assert isinstance(train[:5][[0, 2, 4]].images, MappedPhotos)
    assert (len(train), train.images.shape) == (32, (32, 1, 20, 18))
    np.testing.assert_array_equal(np.asarray(train.images), plain.images)
    np.testing.assert_array_equal(np.asarray(train[[3, 9]].images), plain.images[[3, 9]])
    np.testing.assert_array_equal(train.images[4], plain.images[4])
    assert torch.equal(train.floats(), plain.floats())
    assert train.pixel_hash() == plain.pixel_hash()
