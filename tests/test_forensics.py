"""The forensic protocols against torch, SciPy and the package; the score by hand; a planted truth is found."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import t
from torch.nn import functional

from benchmarks.experiments import forensics
from benchmarks.experiments import protocols as packing
from benchmarks.helpers import forensics_report, protocols
from benchmarks.helpers.protocol_matrices import apply, axis, levels, prepare
from benchmarks.helpers.protocols import FACTORS, PAPER, Protocol
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.degrade import degrade, downsample, upsample
from mffcn_lite.evaluation import load_results
from mffcn_lite.metrics import mse, psnr, ssim
from mffcn_lite.models import create_model

TORCH = {"down": "bicubic −0.75", "up": "bicubic −0.75"}


@pytest.fixture(scope="module")
def photos(orl):
    return orl[[5, 111]].floats().double()


@pytest.fixture(scope="module")
def enlarged(photos):
    return prepare(photos, "enlarged")


def same(protocol, hr, factor, want, atol=1e-9):
    kept, blurred = apply(protocol, hr, factor)
    assert torch.equal(kept, hr[..., : kept.shape[-2], : kept.shape[-1]])
    torch.testing.assert_close(blurred, want, atol=atol, rtol=0)


# --------------------------------------------------------------------------------------------------- the candidates


def test_the_candidates_are_as_many_as_were_written_down():
    among = protocols.protocols()
    assert len(among) == len(set(among)) == 5424
    assert len(among) * len(protocols.MEASURED) * len(protocols.POOLED) == 65_088
    assert all(Protocol(**own) in among for own in protocols.NAMED.values())


def test_the_paper_fits_itself_and_half_a_decibel_is_one_tolerance():
    column, similarity = PAPER["psnr"]["bicubic"], PAPER["ssim"]["bicubic"]
    assert protocols.score(column, similarity, column, similarity) == 0
    level = [value + 3 for value in column]  # other faces: the level is not scored
    assert protocols.score(level, similarity, column, similarity) == pytest.approx(0)
    off = (column[0] + 0.5, *column[1:])
    assert protocols.score(off, similarity, column, similarity) == pytest.approx(1)
    off = (*similarity[:2], similarity[2] - 0.05)
    assert protocols.score(column, off, column, similarity) == pytest.approx(2.5)
    assert protocols.margins() == pytest.approx((5.29, 8.47, 6.27))


# ----------------------------------------------------------------------------------------------- what each one does


@pytest.mark.parametrize("factor", FACTORS)
def test_the_plain_protocol_is_the_packages(photos, enlarged, factor):
    for hr in (photos, enlarged):
        same(Protocol(), hr, factor, degrade(hr, factor))
        same(Protocol(down="nearest", up="nearest"), hr, factor, degrade(hr, factor, "nearest"))
        small = downsample(hr, factor, "lanczos")
        same(Protocol(down="lanczos, antialiased"), hr, factor, upsample(small, tuple(hr.shape[-2:])))


@pytest.mark.parametrize("factor", FACTORS)
def test_torchs_ways_are_torchs(enlarged, factor):
    size, small = (128, 128), int(128 / factor + 0.5)

    def resize(images, **options):
        return functional.interpolate(images, mode="bicubic", **options)

    same(Protocol(**TORCH), enlarged, factor, resize(resize(enlarged, size=(small, small)), size=size))
    shrunk = resize(enlarged, scale_factor=1 / factor, recompute_scale_factor=False)
    assert shrunk.shape[-1] == 128 // factor
    same(Protocol(**TORCH, rule="floor, stretched"), enlarged, factor, resize(shrunk, size=size))
    shrunk = resize(enlarged, size=(small, small), align_corners=True)
    want = resize(shrunk, size=size, align_corners=True)
    same(Protocol(**TORCH, alignment="corners both"), enlarged, factor, want)
    shrunk = resize(enlarged, size=(small, small))
    same(Protocol(**TORCH, alignment="corners"), enlarged, factor, resize(shrunk, size=size, align_corners=True))
    shrunk = functional.interpolate(enlarged, size=(128 // factor,) * 2, mode="bilinear", antialias=True)
    want = functional.interpolate(shrunk, size=size, mode="bilinear")
    same(Protocol(down="bilinear, antialiased", rule="floor", up="bilinear"), enlarged, factor, want, 1e-6)


def test_area_is_the_mean_and_a_gaussian_scipys(photos):
    kept = photos[..., :111, :90]
    shrink, _ = axis(Protocol(down="area", rule="modcrop"), 112, 3)
    assert shrink.shape == (37, 111)
    shrunk = functional.avg_pool2d(kept, 3)
    same(Protocol(down="area", rule="modcrop"), photos, 3, upsample(shrunk, (111, 90)))
    wide = torch.from_numpy(gaussian_filter(kept.numpy(), 1.6, axes=(2, 3), truncate=4)[..., 1::3, 1::3])
    _, blurred = apply(Protocol(down="gaussian 1.6", rule="modcrop"), photos, 3)
    inner = (..., slice(15, -15), slice(15, -15))
    torch.testing.assert_close(blurred[inner], upsample(wide, (111, 90))[inner], atol=1e-4, rtol=0)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_ramp_moves_as_the_alignment_says(factor):
    ramp = torch.arange(96.0, dtype=torch.float64).expand(1, 1, 96, 96) / 100

    def moved(**choice):
        _, blurred = apply(Protocol(up="bilinear", **choice), ramp, factor)
        return ((blurred - ramp) * 100)[0, 0, 48, 24:72]

    half = torch.full((48,), (factor - 1) / 2, dtype=torch.float64)
    torch.testing.assert_close(moved(down="area"), 0 * half)
    torch.testing.assert_close(moved(down="area", alignment="shifted"), half)  # brighter: the picture went left
    stride = {"down": "stride", "rule": "ceil, stretched"}
    torch.testing.assert_close(moved(**stride), -half)
    torch.testing.assert_close(moved(**stride, alignment="shifted"), 0 * half)
    edge = moved(down="area", alignment="corners")
    assert edge[0] > 0.1 > -0.1 > edge[-1]  # pulled outwards on both sides


def test_a_stretched_photo_moves_most_at_its_far_side():
    ramp = torch.arange(128.0, dtype=torch.float64).expand(1, 1, 128, 128) / 200
    _, blurred = apply(Protocol(down="area", rule="floor, stretched", up="bilinear"), ramp, 3)
    moved = ((blurred - ramp) * 200)[0, 0, 64]
    # 126 pixels fill 128: pixel centre x shows what was at x·126/128.
    want = (torch.arange(128) + 0.5) * (126 / 128 - 1)
    torch.testing.assert_close(moved[10:-10], want[10:-10].double())
    _, blurred = apply(Protocol(down="area", rule="rounded, enlarged by f", up="bilinear"), ramp, 3)
    want = (torch.arange(128) + 0.5) * (128 / 129 - 1)
    moved = ((blurred - ramp) * 200)[0, 0, 64]  # areas of parts of pixels are centred to 0.01 pixel alone
    torch.testing.assert_close(moved[10:-10], want[10:-10].double(), atol=0.01, rtol=0)


def test_8_bits_are_8_bits(photos):
    _, blurred = apply(Protocol(rounded=True), photos, 3)
    want = levels(upsample(levels(downsample(photos, 3)), (112, 92)))
    assert torch.equal(blurred, want)
    assert torch.equal((blurred * 255).round() / 255, blurred)


def test_nothing_is_computed_twice_where_rules_agree(photos):
    for protocol in protocols.protocols()[::37]:
        for factor in FACTORS:
            one = forensics.canonical(protocol, (112, 92), factor)
            if one != protocol:
                torch.testing.assert_close(apply(one, photos, factor), apply(protocol, photos, factor))


# --------------------------------------------------------------------------------------------------- how it is measured


def test_the_measures_are_the_packages(photos):
    kept, blurred = apply(Protocol(rule="modcrop"), photos, 3)
    rows, sr = forensics.measures(blurred, kept, 3), blurred.clamp(0, 1)
    want = [mse(sr, kept), mse(sr, kept, border=3)]
    for name, border in protocols.MEASURED[:4]:
        want.append(ssim(sr, kept, data_range=1.0, convention=name, border=3 if border else 0))
    want += [ssim(sr, kept, data_range=1.0, convention=name) for name in ("matlab", "global")]
    np.testing.assert_allclose(rows, torch.stack(want, dim=1), atol=1e-9)


def test_the_filter_undoes_a_planted_shift(photos):
    moved = photos.roll((2, -1), (2, 3))
    weights = forensics.solve(*forensics.equations(moved, photos))
    inner = (..., slice(6, -6), slice(6, -6))
    assert float(mse(forensics.restore(moved, weights, False)[inner], photos[inner]).max()) < 1e-4
    assert float(mse(moved[inner], photos[inner]).min()) > 1e-3


def test_the_filter_is_as_good_as_the_packages(orl):
    training, test = (faces[::8] for faces in split_by_person(orl))
    hr, wanted = training.floats(), test.floats()
    ours = forensics.solve(*forensics.equations(degrade(hr, 3), hr))
    sr = forensics.restore(degrade(wanted, 3), ours, False)
    theirs = create_model("wiener", factors=[3]).fit(training).reconstruct(wanted, 3).clamp(0, 1)
    a, b = (psnr(images, wanted, data_range=1.0).mean() for images in (sr, theirs))
    assert abs(float(a - b)) < 0.1  # ours is fitted on a 25th of the pixels


# ---------------------------------------------------------------------------------------------------------- the scan

AMONG = [Protocol(alignment=a, down=d) for a in ("correct", "shifted") for d in ("area", "bicubic −0.5, antialiased")]


@pytest.fixture(scope="module")
def few(orl):
    chosen = np.isin(orl.people, [*range(10)]) & (np.arange(len(orl)) % 10 < 2)
    return FaceSet(orl.images[chosen], orl.people[chosen], np.array(orl.names)[chosen].tolist(), {"source": "few"})


@pytest.fixture(scope="module")
def found(few, tmp_path_factory):
    few = few[np.concatenate([np.repeat(np.flatnonzero(few.people == who)[:1], 10) for who in few.who()])]
    return few, forensics.scan(few, tmp_path_factory.mktemp("scan") / "f.jsonl", AMONG)


def test_the_scan_is_the_measures_by_half_of_the_people(found):
    faces, rows = found
    chosen = faces[::10]
    kept, blurred = apply(AMONG[2], chosen.floats(), 3)
    for half in (0, 1):
        want = psnr(blurred[half::2].clamp(0, 1), kept[half::2], data_range=1.0).mean()
        got = rows[(*dataclasses.astuple(AMONG[2]), 3)]["halves"][half]
        assert got[0] == pytest.approx(float(want), abs=1e-3)
        assert got[2] == pytest.approx(float(mse(blurred[half::2].clamp(0, 1), kept[half::2]).mean()), rel=1e-4)


def test_a_scan_that_was_killed_goes_on(found, tmp_path, monkeypatch):
    faces, rows = found
    store, calls = tmp_path / "f.jsonl", []
    forensics.scan(faces, store, AMONG[:2])
    text = store.read_bytes()
    store.write_bytes(text[:-20])  # in the middle of the last line
    original = forensics.scan_one
    monkeypatch.setattr(forensics, "scan_one", lambda *a: calls.append(a[:2]) or original(*a))
    assert forensics.scan(faces, store, AMONG[:2]) == {key: rows[key] for key in rows if key[3] == "correct"}
    assert calls == [(AMONG[1], 4)]


def test_what_is_packed_for_the_pages_is_the_scan(found):
    _, rows = found
    packed = {name: packing.unpack(part) for name, part in packing.table(AMONG, rows).items()}
    for place, protocol in enumerate(AMONG):
        names = [list(axis)[int(packed["choices"][i, place])] for i, axis in enumerate(packing.AXES.values())]
        assert names == list(dataclasses.astuple(protocol))
        for i, factor in enumerate(FACTORS):
            row = rows[(*dataclasses.astuple(protocol), factor)]
            want = np.mean(row["halves"], axis=0)
            pooled = -10 * np.log10(want[2:4])
            assert packed["psnr"][:, place, i] == pytest.approx([*want[:2], *pooled], abs=0.00501)
            assert packed["ssim"][:, place, i] == pytest.approx(want[4:], abs=0.000251)
            assert packed["gain"][i, place] - 10 == pytest.approx(row["gain"], abs=0.00501)
    with pytest.raises(ValueError, match=r"from -1\.0"):
        packing.pack(np.array([[-1.0]]), 0.01)


def test_a_planted_protocol_is_found(found, monkeypatch):
    _, rows = found
    truth = np.array([np.mean(rows[(*dataclasses.astuple(AMONG[3]), factor)]["halves"], axis=0) for factor in FACTORS])
    planted = {"psnr": {**PAPER["psnr"], "bicubic": truth[:, 1] + 2}, "ssim": {**PAPER["ssim"], "bicubic": truth[:, 7]}}
    monkeypatch.setattr(forensics_report, "PAPER", {k: {n: tuple(c) for n, c in v.items()} for k, v in planted.items()})
    content = forensics_report.report(AMONG, rows)
    best = content["best"][0]
    assert best["protocol"] == dataclasses.asdict(AMONG[3])
    assert best["measured"] == {"ssim": "skimage", "border": True, "pooled": False}
    assert best["score"] < 1e-3
    assert content["candidates"] == 4 * 12
    shifted = [row for row in content["best"] if row["protocol"]["alignment"] == "shifted"]
    assert all(gain > 0.5 for row in shifted for gain in row["wiener_gain"])  # the filter moves the photo back


def test_the_report_scores_as_the_rule_says(found):
    _, rows = found
    for row in forensics_report.report(AMONG, rows)["best"]:
        want = protocols.score(row["psnr"], row["ssim"], PAPER["psnr"]["bicubic"], PAPER["ssim"]["bicubic"])
        assert row["score"] == pytest.approx(want, abs=0.01)


def test_one_window_is_excluded_only_above_the_papers_values():
    paper = np.array([PAPER["psnr"]["bicubic"], PAPER["ssim"]["bicubic"]]).T
    for above, excluded in ((0.03, True), (0.01, False)):
        column = np.tile(paper[:, None, None], (1, 2, 12, 1))
        column[..., 1] += above
        column[:, 1, :, 0] += 5  # far from the paper's PSNR, whatever its SSIM
        column[:, 1, :, 1] = 0
        assert forensics_report.global_ssim(column)["excluded"] is excluded


def test_planted_noise_gives_its_ceiling():
    ramp = torch.linspace(60, 180, 112)[:, None] + torch.linspace(0, 20, 92)
    noise = 3 * torch.randn(6, 1, 112, 92, generator=torch.Generator().manual_seed(0))
    faces = FaceSet((ramp + noise).round().byte().numpy(), np.arange(6) // 2, list("abcdef"))
    content = forensics_report.noise_ceiling(faces)
    for name in ("median", "mean"):
        assert content[name]["mean"] == pytest.approx(3.01, abs=0.1)  # 3, and 1/12 of rounding
    assert 2.4 < content["flat"]["mean"] < 3  # the flattest are flat by chance too
    # What a quarter of the noise is known of: 20·log10(255/3.01) + 10·log10(4/3).
    (row,) = [r for r in content["permitted_psnr"] if (r["estimate"], r["factor"]) == ("median", 2)]
    assert row["psnr"] == pytest.approx(38.56 + 1.25, abs=0.3)
    assert content["paper_rms"][0] == pytest.approx(255 / 10 ** (39.13 / 20), abs=1e-3)


# ------------------------------------------------------------------------------------------------------ what is stored


def test_the_stored_report_agrees_with_itself():
    content = load_results("forensics")
    assert (content["protocols"], content["candidates"]) == (5424, 65_088)
    assert content["candidates_fit"] == sum(way["fit"] for way in content["ways"])
    for choices in content["axes"].values():
        assert sum(choice["protocols"] for choice in choices.values()) == 5424
        assert sum(choice["fit"] for choice in choices.values()) == content["protocols_fit"]
    for row in content["best"] + content["nearest_to_the_margins"]:
        want = protocols.score(row["psnr"], row["ssim"], PAPER["psnr"]["bicubic"], PAPER["ssim"]["bicubic"])
        assert row["score"] == pytest.approx(want, abs=0.02)
        short = np.array(protocols.margins()) - row["wiener_gain"]
        assert row["gives_the_margins"] == bool((short <= protocols.SLACK).all())
        assert row["out_of_reach"] == bool((short > protocols.REACH).any())


def test_the_stored_means_are_those_of_the_people():
    content = load_results("forensics")
    plain = {row["factor"]: row["psnr"] for row in load_results("tables")["results"] if row["model"] == "bicubic"}
    for entry in content["in_full"]:
        for row in entry["factors"]:
            for key, people in (("psnr", 40), ("gain_own", 8), ("gain_shared", 8)):
                values = row[key]["people"]
                assert len(values) == people
                assert row[key]["mean"] == pytest.approx(np.mean(values), abs=1e-4)
                half = t.ppf(0.975, people - 1) * np.std(values, ddof=1) / people**0.5
                assert row[key]["ci"] == pytest.approx([np.mean(values) - half, np.mean(values) + half], abs=1e-4)
        two, three, four = (row["psnr"]["mean"] for row in entry["factors"])
        assert [fall["mean"] for fall in entry["falls"]] == pytest.approx([two - three, three - four], abs=2e-4)
    first = content["in_full"][0]
    assert first["name"] == "plain, 92×112"
    for row in first["factors"]:  # the test people are those of every table
        mine = [row["psnr"]["people"][who] for who in content["data"]["test_people"]]
        assert np.mean(mine) == pytest.approx(plain[row["factor"]], abs=2e-3)
