"""Networks as ONNX files, run by onnxruntime."""

import logging

import onnx
import onnxruntime
import pytest
import torch

from mffcn_lite.checkpoint import load_model
from mffcn_lite.export import export_onnx
from mffcn_lite.models import create_model

SHAPES = [(2, 1, 24, 20), (1, 1, 112, 92), (3, 1, 31, 57), (1, 1, 1, 1), (5, 1, 7, 200)]


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return torch.from_numpy(session.run(None, {given.name: x.numpy()})[0])


def untrained(name, **arguments):
    """With every weight drawn anew: a network that starts as the identity would prove nothing."""
    torch.manual_seed(0)
    model = create_model(name, **arguments)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "factor"),
    [
        (lambda: load_model("srcnn"), None),
        (lambda: load_model("mffcn"), None),
        (lambda: load_model("fsrcnn"), 2),
        (lambda: load_model("fsrcnn"), 3),
        (lambda: load_model("fsrcnn"), 4),
        (lambda: untrained("fsrcnn"), 2),
        (lambda: untrained("fsrcnn"), 3),
        (lambda: untrained("mffcn", width=4, depth=3, activation="both"), None),
        (lambda: untrained("mffcn", width=4, block="conv3", skip="add"), None),
    ],
    ids=["srcnn", "mffcn", "shipped2", "shipped3", "shipped4", "fsrcnn2", "fsrcnn3", "mffcn-inside", "mffcn-conv3"],
)
def test_an_exported_network_is_the_same_function_for_any_size(make, factor, tmp_path):
    model = make()
    export_onnx(model, tmp_path / "net.onnx", factor)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    onnx.checker.check_model(onnx.load(tmp_path / "net.onnx"))
    for shape in SHAPES:
        x = torch.rand(*shape, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            want = model(x) if factor is None else model(x, factor)
        torch.testing.assert_close(run(tmp_path / "net.onnx", x), want, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_exporting_leaves_the_network_and_the_log_as_they_were(tmp_path):
    model = create_model("srcnn").train()
    logging.disable(logging.ERROR)
    try:
        export_onnx(model, tmp_path / "net.onnx")
        assert logging.root.manager.disable == logging.ERROR
    finally:
        logging.disable(logging.NOTSET)
    assert model.training


@pytest.mark.slow
def test_what_is_exported_of_mffcn_is_fused(tmp_path):
    export_onnx(load_model("mffcn"), tmp_path / "net.onnx")
    nodes = [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    assert nodes.count("Conv") == 6


def test_torch_export_takes_every_network_with_open_sides():
    sides = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    for model in (load_model("srcnn"), load_model("mffcn").fuse()):
        program = torch.export.export(model, (torch.rand(2, 1, 24, 20),), dynamic_shapes=(sides,))
        x = torch.rand(1, 1, 33, 41)
        torch.testing.assert_close(program.module()(x), model(x), atol=1e-6, rtol=0)


def test_what_cannot_be_exported_is_one_sentence(refuses, tmp_path):
    path = tmp_path / "net.onnx"
    refuses(lambda: export_onnx(create_model("bicubic"), path), "bicubic", "srcnn")
    refuses(lambda: export_onnx(create_model("mffcn", strided=True), path), "strides")
    refuses(lambda: export_onnx(create_model("fsrcnn"), path), "factor (=None)", "2, 3, 4")
    refuses(lambda: export_onnx(create_model("fsrcnn"), path, 5), "factor (=5)")
    refuses(lambda: export_onnx(create_model("mffcn"), path, 3), "factor (=3)", "fsrcnn alone")
    refuses(lambda: export_onnx(create_model("srcnn").double(), path), "float64", "float()")
    refuses(lambda: export_onnx(create_model("srcnn"), tmp_path), "is a folder", "srcnn.onnx")
    (tmp_path / "file").write_text("")
    refuses(lambda: export_onnx(create_model("srcnn"), tmp_path / "file" / "net.onnx"), "net.onnx")
    assert not path.exists()
