"""Networks on disk: weights as safetensors, and a JSON card that says what they are. No pickle."""

import hashlib
import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from mffcn_lite import shipped
from mffcn_lite.context import own_context
from mffcn_lite.device import find_device
from mffcn_lite.errors import MffcnLiteError, check_numbers, check_types, described
from mffcn_lite.files import content_hash, json_bytes, read_json, replacing, sha256
from mffcn_lite.models import SuperResolver, count_parameters, create_model, system_class, weights_of
from mffcn_lite.models.base import MOST_FACTOR
from mffcn_lite.shipped import SYSTEMS, list_models, shipped_names

# Of a card: what the network does and may be used for, and how to train it again.
DECISIVE = ("model", "arguments", "config", "redistribution", "data_hash", "faces_hash", "weights_hash")
DECISIVE += ("training_people", "validation_people", "test_people", "threads")


def _tensor_bytes(tensors: dict[str, Tensor]) -> bytes:
    """As safetensors has them, each with memory of its own. Not by save_file: only its owner may read such a file."""
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    )


def save_tensors(tensors: dict[str, Tensor], path: str | Path) -> None:
    """Write named tensors as safetensors, beside and renamed."""
    with replacing(path) as temporary:
        temporary.write_bytes(_tensor_bytes(tensors))


@own_context()
def load_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        MffcnLiteError: if the file is missing, cut short, or of another kind (a pickle, for instance).
    """
    try:
        # Not load_file, which takes no path that is not UTF-8. In any order, so it is sorted.
        return dict(sorted(safetensors.torch.load(Path(path).read_bytes()).items()))
    except OSError as error:
        raise MffcnLiteError(f"cannot read {path}: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise MffcnLiteError(f"{path} is no complete safetensors file ({error}); no pickle is ever loaded") from error


def _difference(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> str | None:
    """Where `weights` are not of the names, shapes and kinds of numbers that are wanted; None where they are."""
    for key in {**wanted, **weights}:
        is_, should = (described(tensors[key]) if key in tensors else "missing" for tensors in (weights, wanted))
        if is_ != should:
            return f"{key} is {is_}, and should be {should}"
    return None


def _plain(model: nn.Module) -> SuperResolver:
    """The network itself, out of what torch.compile puts around it; refused if `load_model` could not make it again."""
    model = getattr(model, "_orig_mod", model)  # torch has no other name for it
    if not isinstance(model, SuperResolver):
        raise MffcnLiteError(f"a {type(model).__name__} cannot be saved; save the network inside it")
    if model.name not in list_models():
        raise MffcnLiteError(f"create_model cannot make {model.name} again; save one of {', '.join(list_models())}")
    difference = _difference(model.state_dict(), weights_of(model.name, model.arguments))
    if difference is not None:
        raise MffcnLiteError(f"this {model.name} is not as create_model makes it: {difference}; bring it back to that")
    model.check()
    return model


def save_model(model: nn.Module, path: str | Path, card: dict | None = None) -> None:
    """Write `model` to `path` (*.safetensors) and its card beside it (*.json). A compiled network is saved as it was.

    Args:
        card: what else is known of it (data, people, recipe, results); the model's own name, its arguments, the
            count of its weights, the file's SHA-256 and one over `DECISIVE` are added, whatever it says of them. A
            model that holds patches of photos which may not be redistributed says so in its card, under
            `redistribution`.

    Raises:
        MffcnLiteError: if the model could not be loaded again (another system, half precision, numbers that are not
            finite), or the files cannot be written.
    """
    model = _plain(model)
    path = Path(path)
    if not path.name:
        raise MffcnLiteError(f"{str(path)!r} names no file; name one, such as network.safetensors")
    if path.suffix != ".safetensors":  # not with_suffix, which would cut "mffcn-0.5"
        path = path.with_name(f"{path.name}.safetensors")
    content = {**(card or {}), "model": model.name, "arguments": model.arguments}
    content["parameters"] = count_parameters(model)
    restriction = getattr(model, "restriction", None) or getattr(model, "card", {}).get("redistribution")
    if restriction:
        content["redistribution"] = restriction
    card_path = path.with_suffix(".json")
    _check_card(card_path, json.loads(json_bytes(card_path, content)))
    weights = _tensor_bytes(model.state_dict())
    hashes = {"weights_sha256": hashlib.sha256(weights).hexdigest(), "card_sha256": card_hash(content)}
    text = json_bytes(card_path, {**content, **hashes})
    with replacing(path) as weights_file, replacing(card_path) as card_file:  # both, before either is replaced
        weights_file.write_bytes(weights)
        card_file.write_bytes(text)


def card_hash(card: dict) -> str:
    """A hash over what `DECISIVE` names, as far as it is stated."""
    return content_hash({key: card[key] for key in DECISIVE if card.get(key) is not None})


def _check_card(path: Path, card: dict) -> None:
    """Refuse what is not the card of a network.

    Raises:
        MffcnLiteError: if it says no model, or something of another type than a card has.
    """
    kinds = {"model": str, "arguments": dict, "config": dict}
    try:
        check_types("a card", kinds, {"model": None} | {key: card[key] for key in kinds if key in card})
        check_numbers(
            "factors", card.get("config", {}).get("factors", [2]), at_least=2, at_most=MOST_FACTOR, whole=True
        )
    except (MffcnLiteError, TypeError) as error:  # factors that are no list
        raise MffcnLiteError(f"{path} is not the card of a network ({error}); copy it and the weights again") from error


@own_context()
def called(name: str | Path) -> str:
    """What files made by the model `name` (see `load_model`) are called after: it, or a checkpoint's file or folder."""
    path = Path(name)
    if str(name) in (*SYSTEMS, *shipped_names()):
        return str(name)
    if path.is_dir():
        return path.resolve().name
    return path.resolve().parent.name if path.stem == "model" else path.stem


def load_model(name: str | Path, device: str | torch.device = "cpu") -> SuperResolver:
    """A system ready for use, in eval mode on `device`; what is known of it is in its attribute `card`.

    Args:
        name: a shipped system ("srcnn", "mffcn", "forest"), a system that needs no training ("bicubic"), or the path of
            a `.safetensors` file with its card beside it, or of a finished run's folder.

    Raises:
        MffcnLiteError: if there is no such model or device, or its files are broken or do not fit together.
    """
    device = find_device(device)
    if name in SYSTEMS and not system_class(name).needs_training():
        model = create_model(name).to(device).eval()
        model.card = {"model": name, "arguments": {}}
        return model
    if str(name) in shipped_names():
        path = shipped.SHIPPED / f"{name}.safetensors"
    else:
        try:
            path = Path(name) / "model.safetensors" if Path(name).is_dir() else Path(name)
            missing = not path.exists()
        except OSError:  # no name that a file can have
            missing = True
        if missing:
            untrained = (system for system in SYSTEMS if not system_class(system).needs_training())
            known = ", ".join((*untrained, *shipped_names()))
            raise MffcnLiteError(f'no model "{name}": name one of {known}, or the path of a checkpoint')
        if path.suffix != ".safetensors":
            raise MffcnLiteError(f"{path} is no .safetensors file; other formats, pickles among them, are never loaded")
    card = {"arguments": {}, **read_json(path.with_suffix(".json"))}
    _check_card(path.with_suffix(".json"), card)
    tensors = load_tensors(path)
    difference = _difference(tensors, weights_of(card["model"], card["arguments"]))
    if difference is not None:
        other = f"{path} does not hold the weights of the {card['model']} that its card describes"
        raise MffcnLiteError(f"{other}: {difference}; copy both again")
    if sha256(path) != card.get("weights_sha256"):
        raise MffcnLiteError(f"{path} is not the file that its card describes (their SHA-256 differ); copy both again")
    if card.get("card_sha256") not in (None, card_hash(card)):  # a card that an older version wrote has none
        raise MffcnLiteError(f"the card of {path} was changed (its SHA-256 differs); copy both again")
    model = create_model(card["model"], **card["arguments"])
    model.load_state_dict(tensors)
    model.check()
    model.card = card
    return model.to(device).eval()
