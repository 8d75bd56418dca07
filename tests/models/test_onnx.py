"""ONNX files: the outputs are onnxruntime's, and what no network here does is refused by name."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import bptt
from bptt import models
from bptt.errors import FileError, OptionError
from tests.models.refusals import told

SAMPLES = Path(__file__).parent / "samples"  # by torch.onnx.export of PyTorch 2.13
T, B, I, H = 6, 4, 3, 5
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


def constants(**arrays):
    return [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]


def weights(kind, directions=1, inputs=I, seed=0):
    rng, wide = np.random.default_rng(seed), GATES[kind] * H
    sizes = {
        "W": (directions, wide, inputs),
        "R": (directions, wide, H),
        "B": (directions, 2 * wide),
    }
    return {name: rng.normal(size=size).astype("float32") / 2 for name, size in sizes.items()}


def saved(path, nodes, arrays, inputs=("x",), shape=("T", "B", I), rank=2):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank) for name in ["o"]]
    graph = helper.make_graph(nodes, "g", values, ends, constants(**arrays))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def node(kind, given=("x", "W", "R", "B"), outputs=("Y", "Y_h"), **options):
    if kind == "GRU":
        options = {"linear_before_reset": 1} | options
    return helper.make_node(kind, given, outputs, name="memory", hidden_size=H, **options)


def every(directions):
    """Y (T, D, B, H) as (T, B, D·H)."""
    return [
        helper.make_node("Transpose", ["Y"], ["turned"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["turned", "flat"], ["states"]),
    ], {"flat": np.array([0, 0, directions * H])}


def last(directions):
    """Y_h (D, B, H) as (B, D·H)."""
    return [
        helper.make_node("Transpose", ["Y_h"], ["turned"], perm=[1, 0, 2]),
        helper.make_node("Reshape", ["turned", "flat"], ["states"]),
    ], {"flat": np.array([0, directions * H])}


def product(outputs, directions=1, top=()):
    rng = np.random.default_rng(9)
    nodes = [
        helper.make_node("MatMul", ["states", "V"], ["product"], name="answer"),
        helper.make_node("Add", ["b", "product"], ["o" if not top else "sum"]), *top,
    ]  # fmt: skip
    V = rng.normal(size=(directions * H, outputs)).astype("float32")
    return nodes, {"V": V, "b": rng.normal(size=outputs).astype("float32")}


def simple(path, kind, reach=last, outputs=3, top=(), directions=1, **options):
    turn, flat = reach(directions)
    read, V = product(outputs, directions, top)
    if directions == 2:
        options["direction"] = "bidirectional"
    return saved(
        path,
        [node(kind, **options), *turn, *read],
        weights(kind, directions) | flat | V,
        rank=2 if reach is last else 3,
    )


def agrees(path, batch_first=False):
    """The network's outputs are those of onnxruntime, and its lags add up to the gradient of them."""
    network = bptt.from_onnx(path)
    x = np.random.default_rng(1).normal(size=(T, B, I)).astype("float32")
    session = onnxruntime.InferenceSession(path)
    given = {session.get_inputs()[0].name: x.swapaxes(0, 1) if batch_first else x}
    o = session.run(None, given)[0]
    one = network.loss_at == "last"
    shape = (B,) if one else (T, B)
    targets = (
        np.zeros(shape, int)
        if network.loss == "cross_entropy"
        else np.zeros((*shape, 1), "float32")
    )
    run = network.run(x, targets)
    mine = run.o[0] if one else run.o.swapaxes(0, 1) if batch_first else run.o
    np.testing.assert_allclose(mine, o, rtol=1e-6, atol=1e-6)
    profile = bptt.by_lag(run.trace, run.dh)
    profiles = profile if isinstance(profile, list) else [profile]
    assert max(p.residual for p in profiles) < 1e-5
    return network


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("reach", [last, every])
@pytest.mark.parametrize("kind", GATES)
def test_outputs_are_those_of_onnxruntime(kind, reach, directions, tmp_path):
    network = agrees(simple(tmp_path / "m.onnx", kind, reach, directions=directions))
    assert (network.loss, network.loss_at) == (
        "cross_entropy",
        "last" if reach is last else "every",
    )


@pytest.mark.parametrize("activation", ["Relu", "Sigmoid", "Softsign"])
def test_the_activation_of_a_plain_network_is_in_the_file(activation, tmp_path):
    agrees(simple(tmp_path / "m.onnx", "RNN", outputs=1, activations=[activation]))


def test_probabilities_of_one_output_are_those_of_two_classes(tmp_path):
    top = [helper.make_node("Sigmoid", ["sum"], ["o"])]
    path = simple(tmp_path / "m.onnx", "LSTM", outputs=1, top=top)
    network = bptt.from_onnx(path)
    x = np.random.default_rng(1).normal(size=(T, B, I)).astype("float32")
    p = onnxruntime.InferenceSession(path).run(None, {"x": x})[0][:, 0]
    o = network.run(x, np.zeros(B, int)).o[0]
    np.testing.assert_allclose(np.exp(o[:, 1]) / np.exp(o).sum(1), p, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "readout"), [("lstm_torchscript", "head"), ("gru_dynamo", "head")]
)
def test_what_pytorch_exports(name, readout):
    """Batch first, two levels of both directions, the last state of either; by both of PyTorch's exporters."""
    path = SAMPLES / f"{name}.onnx"
    network = agrees(path, batch_first=True)
    assert len(network.stack.layers) == 4
    assert models.read(path).parts.readout == readout


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("reach", [last, every])
def test_a_gru_with_its_reset_gate_before_the_weights(reach, directions, tmp_path):
    path = simple(tmp_path / "m.onnx", "GRU", reach, directions=directions, linear_before_reset=0)
    assert {type(layer) for layer in agrees(path).stack.layers} == {bptt.ChoGRU}


def test_one_that_reads_in_reverse_is_read_as_its_refusal_says(tmp_path):
    """The same weights on sequences that are turned around."""
    path = simple(tmp_path / "m.onnx", "GRU", direction="reverse")
    refusal = told(bptt.from_onnx, path)
    assert (
        "set the node's direction to forward, save the file again, and turn the sequences"
        in refusal
    )
    x = np.random.default_rng(1).normal(size=(T, B, I)).astype("float32")
    wanted = onnxruntime.InferenceSession(path).run(None, {"x": x})[0]
    model = onnx.load(path)
    (direction,) = (a for a in model.graph.node[0].attribute if a.name == "direction")
    direction.s = b"forward"
    onnx.save(model, path)
    found = bptt.from_onnx(path).run(x[::-1].copy(), np.zeros(B, int)).o[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_a_given_start_and_lengths_are_inputs(tmp_path):
    nodes = [node("GRU", ("x", "W", "R", "B", "", "h0")), *last(1)[0], *product(3)[0]]
    arrays = weights("GRU") | last(1)[1] | product(3)[1]
    start = {"h0": np.zeros((1, B, H), "float32")}
    agrees(saved(tmp_path / "zero.onnx", nodes, arrays | start, shape=("T", B, I)))
    told = models.read(saved(tmp_path / "given.onnx", nodes, arrays, ("x", "h0"), (1, B, H)))
    assert dict(told.facts) == {"initial_h of memory": "the input 'h0', here zero"}


def other(path, kind="LSTM", given=None, arrays=None, **options):
    names = ("x", "W", "R", "B", *(given or ()))
    nodes = [node(kind, names, **options), *last(1)[0], *product(3)[0]]
    return saved(
        path, nodes, weights(kind) | last(1)[1] | product(3)[1] | (arrays or {}), shape=("T", B, I)
    )


def normed(path):
    nodes = [node("LSTM"), helper.make_node("Tanh", ["Y_h"], ["squashed"], name="squash")]
    turn, flat = last(1)
    turn[0].input[0] = "squashed"
    return saved(path, [*nodes, *turn, *product(3)[0]], weights("LSTM") | flat | product(3)[1])


def reading(path, op, inputs, **options):
    """A readout of other states than those at the end or at every step."""
    picked = helper.make_node(op, inputs, ["picked"], **options)
    nodes = [
        node("LSTM"),
        picked,
        helper.make_node("Reshape", ["picked", "flat"], ["states"]),
        *product(3)[0],
    ]
    arrays = weights("LSTM") | product(3)[1] | {"flat": np.array([-1, H]), "second": np.array(1)}
    return saved(path, nodes, arrays)


REFUSED = {
    "activations": (lambda p: other(p, activations=["Sigmoid", "Relu", "Tanh"]), "activations sigmoid, tanh, tanh in the LSTM 'memory', got sigmoid, relu, tanh"),
    "plain": (lambda p: other(p, "RNN", activations=["Elu"]), "activations one of tanh, .*got elu"),
    "reverse": (
        lambda p: other(p, direction="reverse"),
        "direction forward or bidirectional in the LSTM 'memory', got reverse",
    ),
    "clip": (lambda p: other(p, clip=3.0), "no clip in the LSTM 'memory', got clip=3"),
    "coupled": (lambda p: other(p, input_forget=1), "got input_forget=1"),
    "peepholes": (lambda p: other(p, given=("", "", "", "P"), arrays={"P": np.ones((1, 3 * H), "float32")}), "no peepholes"),
    "start": (lambda p: other(p, given=("", "h0"), arrays={"h0": np.ones((1, B, H), "float32")}), "initial_h of zeros"),
    "lengths": (lambda p: other(p, given=("n",), arrays={"n": np.full(B, 2, "int32")}), "sequence_lens as an input, or none"),
    "squashed": (normed, "one matrix and a bias from the states to the outputs, got Tanh 'squash'"),
    "in the middle": (lambda p: reading(p, "Gather", ["Y", "second"], axis=0), "others in MatMul 'answer'"),
    "twice": (lambda p: simple(p, "LSTM", top=[helper.make_node("Relu", ["sum"], ["o"], name="more")]), "got Relu 'more'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_network_here_does_is_refused_by_name(name, tmp_path):
    make, words = REFUSED[name]
    with pytest.raises(FileError, match=words) as caught:
        bptt.from_onnx(make(tmp_path / "m.onnx"))
    assert "\n" not in str(caught.value)


def test_a_file_without_a_recurrent_node_says_what_it_has(tmp_path):
    arrays = product(3)[1] | {"states": np.ones((B, H), "float32")}
    with pytest.raises(
        FileError, match=r"a node RNN, LSTM or GRU, got MatMul, Add. Export it with dynamo=False"
    ):
        bptt.from_onnx(saved(tmp_path / "m.onnx", product(3)[0], arrays))
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x08\x12\x07")
    with pytest.raises(FileError, match=r"cut\.onnx: expected an ONNX file, got something else"):
        bptt.from_onnx(tmp_path / "cut.onnx")
    with pytest.raises(FileError, match="no such file"):
        bptt.from_onnx(tmp_path / "none.onnx")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_one_line(seed, tmp_path):
    """Bytes that were changed by chance: it is read, or refused in one line."""
    rng, content = (
        np.random.default_rng(seed),
        bytearray((SAMPLES / "gru_dynamo.onnx").read_bytes()),
    )
    for place in rng.integers(len(content), size=4):
        content[place] = rng.integers(256)
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert "\n" not in told(bptt.from_onnx, path)


def test_every_command_opens_it(tmp_path):
    opened = models.load(simple(tmp_path / "m.onnx", "GRU"), "noise", 20)
    assert opened.facts == [("model", "m.onnx"), ("recurrent", "memory"), ("readout", "answer")]
    assert opened.batch(2)["x"].shape == (20, 2, I)
    with pytest.raises(OptionError, match=r"activation: expected none, for .* but an ONNX file"):
        models.read(tmp_path / "m.onnx", activation="tanh")
