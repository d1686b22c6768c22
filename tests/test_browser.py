"""The networks in the reader's browser: the shipped numbers, and in Node the same pictures as PyTorch's."""

import json
import shutil
import subprocess

import pytest
import torch

from book.build import make_browser
from mffcn_lite.checkpoint import load_model
from mffcn_lite.degrade import degrade, downsample, upsample
from mffcn_lite.files import read_json
from mffcn_lite.models import MFFCN, SRCNN

STATIC = make_browser.FILE.parent
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is missing")


def run(script, **given):
    """What `script`, a body of JavaScript that sees `f` (the functions), `given` and `picture`, returns."""
    program = f"""
    global.self = global;
    require({json.dumps(str(STATIC / "networks.js"))});
    const f = require({json.dumps(str(STATIC / "network.js"))}).faceNetworks();
    const picture = ({{ height, width, data }}) => ({{ height, width, data: Float32Array.from(data) }});
    const given = JSON.parse(require("fs").readFileSync(0));
    (async () => {{ {script} }})().then((result) =>
      console.log(JSON.stringify({{ ...result, data: Array.from(result.data) }})));
    """
    done = subprocess.run([NODE, "-e", program], input=json.dumps(given), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    return torch.tensor(result["data"], dtype=torch.float32).view(1, 1, result["height"], result["width"])


def picture(image):
    return {"height": image.shape[-2], "width": image.shape[-1], "data": image.flatten().tolist()}


def noise(height, width):
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(height))


def test_the_page_has_the_shipped_networks():
    assert (STATIC / "networks.js").read_text(encoding="utf-8") == make_browser.content(), (
        "run: python -m book.build.make_browser"
    )


def test_all_of_it_is_small():
    files = [STATIC / name for name in ("network.js", "try.js", "networks.js")]
    assert sum(file.stat().st_size for file in files) < 1_500_000


@needs_node
@pytest.mark.parametrize(("size", "factor"), [((112, 92), 3), ((37, 50), 4), ((9, 130), 2)])
def test_small_photos_and_bicubic_are_the_packages(size, factor):
    hr = noise(*size)
    small = run("return f.downsample(picture(given.hr), given.factor)", hr=picture(hr), factor=factor)
    assert torch.allclose(small, downsample(hr, factor), atol=1e-6)
    height, width = size
    got = run(
        "return f.resample(picture(given.x), given.height, given.width)", x=picture(small), height=height, width=width
    )
    assert torch.allclose(got, upsample(small, size), atol=1e-6)


@needs_node
@pytest.mark.parametrize("name", make_browser.NAMES)
def test_a_shipped_network_is_pytorchs_in_tiles_too(name):
    blurred = degrade(noise(140, 150), 3)  # more than a tile
    script = "return f.restore(f.unpack(FACE_NETWORKS[given.name]), picture(given.blurred))"
    with torch.no_grad():
        want = load_model(name)(blurred)
    assert torch.allclose(run(script, name=name, blurred=picture(blurred)), want, atol=1e-5)


OTHERS = {
    "odd depth": MFFCN(width=3, depth=5, zero_last=False),
    "no skips": MFFCN(width=2, depth=4, skip="none", residual=False, zero_last=False),
    "other kernels": SRCNN((3, 7, 1), (4, 2)),
}


@needs_node
@pytest.mark.parametrize("model", OTHERS.values(), ids=OTHERS)
def test_other_networks_are_pytorchs(model):
    blurred = noise(21, 17)
    script = "return f.forward(f.unpack(given.network), picture(given.blurred))"
    with torch.no_grad():
        want = model(blurred)
    got = run(script, network=make_browser.describe(model), blurred=picture(blurred))
    assert torch.allclose(got, want, atol=1e-5)


@needs_node
@pytest.mark.parametrize(
    "adapter",
    ["null", "Promise.reject(Error())", "({ requestDevice: async () => ({}) })"],
    ids=["no card", "a card that fails", "a card that can do nothing"],
)
def test_without_a_card_that_works_the_loops_compute(adapter):
    script = f"""
    Object.defineProperty(global, "navigator", {{ value: {{ gpu: {{ requestAdapter: async () => {adapter} }} }} }});
    const mine = picture(given.blurred), network = f.unpack(FACE_NETWORKS.srcnn);
    if ((await f.fastest(network, mine)) !== f.forward) throw Error("another way was taken");
    return mine;
    """
    blurred = noise(30, 20)
    assert torch.equal(run(script, blurred=picture(blurred)), blurred)


def test_no_photo_of_training_travels_with_the_page():
    card = read_json(make_browser.FILE.parents[2] / "mffcn_lite" / "weights" / "mffcn.json")
    _, test = make_browser.split_by_person(make_browser.load_faces("orl"))
    assert int(test.people[make_browser.PHOTO]) not in card["training_people"]
