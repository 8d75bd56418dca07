"""Weights that PyTorch saved: the network in them computes what the PyTorch module computes."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file
from torch import nn

import bptt
from bptt import errors, files, models
from bptt.models.state_dict import network_of, parts_of, with_weights

KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
T, B, I, H, O = 9, 4, 3, 5, 2


class Model(nn.Module):
    """A recurrent module and a readout, the way people write it."""

    def __init__(self, kind="lstm", bias=True, **options):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.rnn = KINDS[kind](I, H, bias=bias, **options)
        self.fc = nn.Linear(H * (1 + options.get("bidirectional", False)), O, bias=bias)

    def forward(self, x):
        return self.fc(self.encoder.rnn(x)[0])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def arrays(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def read(tensors, **choices):
    options = {"loss": "cross_entropy", "loss_at": "every", "path": "w.pt"}
    return network_of(tensors, **options | choices)


def refusal(tensors, **choices):
    with pytest.raises(errors.BpttError) as caught:
        read(tensors, **choices)
    assert "w.pt" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("cell", ["rnn tanh", "rnn relu", "gru", "lstm"])
def test_outputs_are_pytorchs(cell, levels, bidirectional, bias):
    kind, _, activation = cell.partition(" ")
    options = {"nonlinearity": activation} if activation else {}
    model = Model(kind, bias, num_layers=levels, bidirectional=bidirectional, **options).double()
    net = read(arrays(model), activation=activation or None)
    x, targets = torch.randn(T, B, I, dtype=torch.float64), torch.randint(O, (T, B))
    run, o = net.run(x.numpy(), targets.numpy()), model(x)
    np.testing.assert_allclose(run.o, o.detach().numpy(), rtol=0, atol=1e-12)
    E = nn.functional.cross_entropy(o.flatten(0, 1), targets.flatten())
    assert run.E == pytest.approx(E.item(), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_autograds(kind):
    """Of b and of W_R: b is the sum of two biases, so its gradient is that of either."""
    model = Model(kind).double()
    net = read(arrays(model), activation="tanh" if kind == "rnn" else None)
    x, targets = torch.randn(T, B, I, dtype=torch.float64), torch.randint(O, (T, B))
    nn.functional.cross_entropy(model(x).flatten(0, 1), targets.flatten()).backward()
    grads, rnn = net.backward(net.run(x.numpy(), targets.numpy())), model.encoder.rnn
    np.testing.assert_allclose(grads["W_R"], rnn.weight_hh_l0.grad.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(grads["b"], rnn.bias_ih_l0.grad.numpy(), rtol=0, atol=1e-12)
    if kind == "gru":
        apart = rnn.bias_hh_l0.grad.numpy()[2 * H :]
        np.testing.assert_allclose(grads["b_Rn"], apart, rtol=0, atol=1e-12)


def test_at_the_end_both_directions_hand_up_h_n():
    """Each sequence's own last step, and the backward direction's at its first: PyTorch's h_n."""
    model = Model("gru", bidirectional=True).double()
    x, lengths = torch.randn(T, B, I, dtype=torch.float64), torch.tensor([9, 7, 4, 2])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
    o = model.fc(torch.cat(list(model.encoder.rnn(packed)[1]), 1))
    net = read(arrays(model), loss_at="last")
    run = net.run(x.numpy(), np.zeros(B, int), lengths=lengths.numpy())
    np.testing.assert_allclose(run.o[0], o.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_cells(cell):
    module = nn.Sequential(cell(I, H), nn.Linear(H, O)).double()
    net = read(arrays(module), activation="tanh" if cell is nn.RNNCell else None)
    x, state = torch.randn(T, B, I, dtype=torch.float64), None
    for x_t in x:
        state = module[0](x_t, state)
    h = state[0] if isinstance(state, tuple) else state
    o = net.run(x.numpy(), np.zeros((T, B), int)).o[-1]
    np.testing.assert_allclose(o, module[1](h).detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("prefix", ["", "encoder.rnn.", "_orig_mod.module.a.", "weight_hh."])
def test_prefixes(prefix):
    tensors = {prefix + name: value for name, value in arrays(nn.LSTM(I, H)).items()}
    tensors |= {"head.weight": np.ones((O, H), "f4")}
    parts = parts_of(tensors, path="w.pt")
    assert (parts.cell, parts.recurrent, parts.readout) == ("lstm", prefix[:-1], "head")
    assert parts.rest == ()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_half_precision_becomes_float32(half, ending, tmp_path):
    weights, path = Model("gru").to(half).state_dict(), tmp_path / f"w{ending}"
    (torch.save if ending == ".pt" else save_file)(weights, path)
    tensors, _ = files.read_weights(path)
    net = read(tensors)
    assert net.W_O.dtype == np.float32
    np.testing.assert_array_equal(net.body.W_R, weights["encoder.rnn.weight_hh_l0"].float())
    np.testing.assert_array_equal(net.W_O, weights["fc.weight"].float())


@pytest.mark.parametrize("ending", files.TORCH)
@pytest.mark.parametrize("legacy", [False, True])
def test_files_of_torch_save(ending, legacy, tmp_path):
    model, path = Model(), tmp_path / f"w{ending}"
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    tensors, notes = files.read_weights(path)
    assert notes == {}
    for name, value in arrays(model).items():
        np.testing.assert_array_equal(tensors[name], value)


def test_checkpoints_hold_a_state_dict_among_other_things(tmp_path):
    model = Model()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(T, B, I)).sum().backward()
    optimizer.step()
    content = {"epoch": 3, "state_dict": model.state_dict(), "o": [optimizer.state_dict()]}
    torch.save(content, tmp_path / "one.ckpt")
    assert set(files.read_torch(tmp_path / "one.ckpt")) == set(model.state_dict())
    torch.save(content | {"averaged": model.state_dict()}, tmp_path / "two.ckpt")
    tensors = files.read_torch(tmp_path / "two.ckpt")
    said = refusal(tensors, readout="state_dict.fc")
    assert "state_dict.encoder.rnn, averaged.encoder.rnn" in said
    net = read(tensors, recurrent="averaged.encoder.rnn", readout="averaged.fc")
    assert net.body.hidden == H


def test_a_checkpoint_that_lightning_wrote(tmp_path):
    import pytorch_lightning as pl

    class Lit(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters({"rate": 0.1})
            self.model = Model("gru")

    trainer = pl.Trainer(
        default_root_dir=tmp_path, logger=False, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    lit = Lit()
    trainer.strategy.connect(lit)
    trainer.save_checkpoint(tmp_path / "lit.ckpt")
    net = read(files.read_torch(tmp_path / "lit.ckpt"))
    np.testing.assert_array_equal(net.W_O, lit.model.fc.weight.detach().numpy())


class Bomb:
    """What an attacker would put into a file: opening it runs a command."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


WAYS = ["protocol 2", "protocol 5", "beside weights", "legacy", "whole model"]


@pytest.mark.parametrize("how", WAYS)
def test_nothing_pickled_is_opened(how, tmp_path):
    target, path = tmp_path / "boom", tmp_path / "w.pt"
    if how.startswith("protocol"):
        path.write_bytes(pickle.dumps(Bomb(target), int(how[-1])))
    elif how == "whole model":
        torch.save(Model(), path)
    else:
        content = Model().state_dict() | {"x": Bomb(target)}
        torch.save(content, path, _use_new_zipfile_serialization=how != "legacy")
    with pytest.raises(errors.FileError, match=r"pickled object.* was not opened\. Save"):
        files.read_weights(path)
    assert not target.exists()
    if how == "beside weights":  # the bomb is real: who opens it without care is hit
        torch.load(path, weights_only=False)
        assert target.exists()


def test_an_environment_that_trusts_pickles_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save({"x": Bomb(tmp_path / "boom")}, tmp_path / "w.pt")
    with pytest.raises(errors.FileError, match="was not opened"):
        files.read_weights(tmp_path / "w.pt")
    assert not (tmp_path / "boom").exists()


def test_a_pytorch_that_reads_unsafely_is_refused(tmp_path, monkeypatch):
    torch.save(Model().state_dict(), tmp_path / "w.pt")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(errors.FileError, match=r"expected PyTorch 2\.6 or newer"):
        files.read_weights(tmp_path / "w.pt")


def test_without_pytorch(tmp_path):
    """A .pt file asks for it; a .safetensors file, bfloat16 too, is read without."""
    save_file(Model("gru").bfloat16().state_dict(), tmp_path / "w.safetensors")
    torch.save(Model().state_dict(), tmp_path / "w.pt")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from bptt import files\nfrom bptt.models import state_dict\n"
        "tensors, _ = files.read_weights('w.safetensors')\n"
        "print(state_dict.network_of(tensors, loss='mse', loss_at='last', path='w').body)\n"
        "try:\n    files.read_weights('w.pt')\nexcept ValueError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    body, said = done.stdout.splitlines()
    assert body == "GRU(inputs=3, hidden=5, dtype=float32)"
    assert (
        "expected PyTorch, which reads .pt files of torch.save, got none installed. pip install"
        in said
    )


DAMAGED = [
    "missing",
    "empty",
    "text",
    "cut short",
    "a folder",
    "a script",
    "sparse",
    "a number",
    "noise",
]


@pytest.mark.parametrize("how", DAMAGED)
def test_files_that_are_not_what_they_say(how, tmp_path):
    path = tmp_path / "w.pt"
    torch.save(Model().state_dict(), path)
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_bytes(b"weights\n" * 50)
    elif how == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(2000))
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:900])
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how == "a script":
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)
    elif how == "sparse":
        torch.save({"w": torch.eye(3).to_sparse()}, path)
    else:
        torch.save(3, path)
    with pytest.raises(errors.FileError, match=r"w\.pt: expected ") as caught:
        read(files.read_weights(path)[0], path=path)
    assert "\n" not in str(caught.value)


def test_a_plain_rnn_asks_for_its_activation():
    tensors = arrays(Model("rnn"))
    assert "expected tanh or relu" in refusal(tensors)
    assert "got 'swish'" in refusal(tensors, activation="swish")
    assert "only a plain RNN has the choice" in refusal(arrays(Model("lstm")), activation="tanh")


def test_several_recurrent_modules_ask_which():
    tensors = {f"{part}.{n}": v for part in "ab" for n, v in arrays(nn.LSTM(I, H)).items()}
    tensors |= {"fc.weight": np.ones((O, H), "f4")}
    assert "holds 2, got a, b. Pass the name of one" in refusal(tensors)
    assert "a, b, got 'c'" in refusal(tensors, recurrent="c")
    np.testing.assert_array_equal(read(tensors, recurrent="b.").body.W_R, tensors["b.weight_hh_l0"])
    assert "a.weight_hh_l0" in parts_of(tensors, recurrent="b", path="w.pt").rest


def test_several_readouts_ask_which():
    tensors = arrays(Model()) | {"emb.weight": np.ones((7, H), "f4")}
    assert "got 2 that fit: fc, emb. Pass the name of one" in refusal(tensors)
    assert len(read(tensors, readout="fc").b_O) == O
    assert len(read(tensors, readout="emb.weight").b_O) == 7
    assert "got 'rnn'" in refusal(tensors, readout="rnn")


def test_a_hidden_layer_behind_the_states_is_not_taken_for_the_readout():
    head = nn.Sequential(nn.Linear(H, 20), nn.ReLU(), nn.Linear(20, O))
    tensors = arrays(nn.ModuleDict({"rnn": nn.GRU(I, H), "head": head}))
    said = refusal(tensors)
    assert "got 'head.0', and head.2 could read its outputs" in said
    assert "bptt.diagnose" in said
    assert len(read(tensors, readout="head.0").b_O) == 20  # as told


def test_a_projection_is_refused():
    tensors = arrays(nn.ModuleDict({"rnn": nn.LSTM(I, H, proj_size=2), "fc": nn.Linear(2, O)}))
    said = refusal(tensors)
    assert "got rnn.weight_hr_l0, which proj_size makes. Use bptt.diagnose on the model" in said


def test_weights_that_are_made_of_others_are_refused_with_a_way_that_works():
    rnn = nn.utils.parametrizations.orthogonal(nn.RNN(I, H), "weight_hh_l0")
    model = nn.ModuleDict({"rnn": rnn, "fc": nn.Linear(H, O)})
    said, W_R = refusal(arrays(model)), rnn.weight_hh_l0.detach().clone()
    assert "The weights are made of others when the model runs" in said
    assert "remove_parametrizations(rnn, 'weight_hh_l0')" in said
    nn.utils.parametrize.remove_parametrizations(rnn, "weight_hh_l0")
    np.testing.assert_array_equal(read(arrays(model), activation="tanh").body.W_R, W_R)


def normed(kind, dim, model):
    norm = nn.utils.weight_norm if kind == "old" else nn.utils.parametrizations.weight_norm
    for module, name in ((model.encoder.rnn, "weight_hh_l0"), (model.fc, "weight")):
        norm(module, name, dim)
    return model


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("kind", ["old", "new"])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_normalisation_is_computed(kind, dim, tmp_path):
    """As the model computes it; what is written back loads into the model and computes the same."""
    model = normed(kind, dim, Model("lstm").double())
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith(("_g", "original0")):
                value.mul_(1.7)
    x = torch.randn(T, B, I, dtype=torch.float64)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    saved = models.read(tmp_path / "w.pt")
    every = bptt.Network(saved.network.body, saved.network.W_O, saved.network.b_O, "mse", "every")
    out = every.run(x.numpy(), np.zeros((T, B, O))).o
    expected = model.fc(model.encoder.rnn(x)[0]).detach().numpy()
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)
    assert sorted(saved.normed) == ["encoder.rnn.weight_hh_l0", "fc.weight"]

    saved.save(saved.network, tmp_path / "same.safetensors")
    same = files.read_weights(tmp_path / "same.safetensors")[0]
    for name, value in arrays(model).items():
        if "bias" not in name:  # PyTorch adds two biases, of which one is zero now
            np.testing.assert_array_equal(same[name], value)

    layer = saved.network.layer
    layer.W_R *= 0.5
    saved.save(saved.network, tmp_path / "half.safetensors")
    half = normed(kind, dim, Model("lstm").double())
    half.load_state_dict(load_file(tmp_path / "half.safetensors"))
    half.encoder.rnn(x)  # the old kind computes its weights on the way
    W_R = half.encoder.rnn.weight_hh_l0.detach().numpy()
    np.testing.assert_allclose(W_R, layer.W_R, rtol=1e-14)


def test_names_that_only_look_like_weight_normalisation_are_left():
    tensors = arrays(Model()) | {"fc.weight_g": f4(3), "fc.weight_v": f4(2, 2), "gate_g": f4(2)}
    left, normed_ = with_weights(tensors)
    assert left.keys() == tensors.keys()
    assert not normed_


def change(**changes):
    tensors = arrays(Model("lstm", num_layers=2))
    for name, value in changes.items():
        full = name.replace("fc_", "fc.") if name.startswith("fc") else f"encoder.rnn.{name}"
        if value is None:
            del tensors[full]
        else:
            tensors[full] = value
    return tensors


def f4(*shape):
    return np.ones(shape, "f4")


ODD = {
    "no recurrent weights": ({"fc.weight": f4(2, 5)}, "expected names such as rnn.weight_ih_l0"),
    "nothing": ({}, "got no tensors"),
    "no readout": (change(fc_weight=None), "expected a readout, weight (outputs, 5), got no other"),
    "another readout": (change(fc_weight=f4(2, 6)), "got fc.weight (2, 6)"),
    "another bias of the readout": (change(fc_bias=f4(3)), "expected fc.bias of"),
    "two gates": (change(weight_hh_l0=f4(10, 5)), "(G H, H), G = 1, 3 or 4, got float32 (10, 5)"),
    "three axes": (change(weight_hh_l0=f4(20, 5, 1)), "got float32 (20, 5, 1)"),
    "no axes": (change(weight_hh_l1=f4()), "encoder.rnn.weight_hh_l1 of floating"),
    "an empty axis": (change(weight_hh_l0=f4(0, 0)), "got float32 (0, 0)"),
    "no inputs": (change(weight_ih_l0=f4(20, 0)), "got float32 (20, 0)"),
    "another size above": (change(weight_ih_l1=f4(20, 4)), "(20, 5), got float32 (20, 4)"),
    "another bias": (change(bias_hh_l0=f4(5)), "(20,), got float32 (5,)"),
    "integers": (change(weight_hh_l0=np.ones((20, 5), int)), "got int64 (20, 5)"),
    "no weight_ih": (change(weight_ih_l1=None), "without encoder.rnn.weight_ih_l1"),
    "no level 0": (change(weight_hh_l0=None), "without encoder.rnn.weight_hh_l0"),
    "one bias": (change(bias_ih_l1=None), "without encoder.rnn.bias_ih_l1"),
    "half of a direction": (change(weight_hh_l1_reverse=f4(20, 5)), "without encoder.rnn.weight_"),
    "nan": (
        change(weight_hh_l0=f4(20, 5) * np.nan),
        "w.pt: encoder.rnn.weight_hh_l0: expected fin",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_weights(case):
    tensors, message = ODD[case]
    assert message in refusal(tensors)


def test_other_tensors_are_named_as_not_used():
    tensors = arrays(Model()) | {"norm.weight": f4(5), "steps": np.array(3)}
    assert parts_of(tensors, path="w.pt").rest == ("norm.weight", "steps")
    assert isinstance(read(tensors), bptt.Network)
