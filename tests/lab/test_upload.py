"""A dropped file becomes the network that PyTorch would run, or one sentence."""

import json
import pickle
import re
from io import BytesIO

import numpy as np
import pytest

pytest.importorskip("marimo")
pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

import bptt
from bptt.diagnosis import diagnose_network
from bptt.errors import BpttError
from bptt.lab.upload import MAX_BYTES, fitted, opened, words

T, B, I, H, O = 9, 4, 3, 5, 2
KINDS = {"rnn": nn.RNN, "relu": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Model(nn.Module):
    def __init__(self, kind="lstm", outputs=O, **options):
        super().__init__()
        if kind == "relu":
            options["nonlinearity"] = "relu"
        self.rnn = KINDS[kind](I, H, **options)
        self.fc = nn.Linear(H * (1 + options.get("bidirectional", False)), outputs)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def stored(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def sentence(content, name="mine.safetensors", **options):
    with pytest.raises(BpttError) as caught:
        opened(name, content, **options)
    told = words(caught.value)
    assert "mine" in told
    assert "/tmp" not in told
    assert not re.search("--(recurrent|readout|activation)", told)
    assert "\n" not in told
    assert len(told) <= 500
    return told


def outputs(network, x):
    """Of the readout at every step."""
    every = bptt.Network(network.body, network.W_O, network.b_O, "cross_entropy", "every")
    return every.run(x, np.zeros(x.shape[:2], int)).o


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_computes_what_pytorch_computes(kind, levels, both):
    model = Model(kind, num_layers=levels, bidirectional=both).double()
    options = {"activation": "relu"} if kind == "relu" else {}
    found = opened("mine.safetensors", save(model.state_dict()), **options)
    x = torch.randn(T, B, I, dtype=torch.float64)
    np.testing.assert_allclose(
        outputs(found.network, x.numpy()), model(x).detach().numpy(), rtol=0, atol=1e-12
    )
    assert not found.drawn
    assert any("'fc'" in note for note in found.notes)
    assert any("do not tell" in note for note in found.notes) == (kind in ("rnn", "relu"))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_without_a_readout_one_is_drawn_and_that_is_said(kind, both):
    module = KINDS[kind](I, H, 2, bidirectional=both).double()
    content, size = save(module.state_dict()), H * (1 + both)
    found = opened("mine.safetensors", content)
    x = torch.randn(T, B, I, dtype=torch.float64)
    states = module(x)[0].detach().numpy()
    expected = states @ found.network.W_O.T + found.network.b_O
    np.testing.assert_allclose(outputs(found.network, x.numpy()), expected, rtol=0, atol=1e-12)
    assert found.drawn
    assert any("drawn" in note and "seed 0" in note for note in found.notes)
    bound = size**-0.5  # nn.Linear's rule: U(-1/√size, 1/√size)
    assert bound / 2 < abs(found.network.W_O).max() <= bound
    again, other = opened("mine.safetensors", content), opened("mine.safetensors", content, seed=1)
    np.testing.assert_array_equal(again.network.W_O, found.network.W_O)
    assert not np.array_equal(other.network.W_O, found.network.W_O)


def test_bfloat16_is_read_as_the_numbers_it_stands_for():
    model = Model("gru").bfloat16()
    found = opened("mine.safetensors", save(model.state_dict()))
    x = torch.randn(T, B, I)
    expected = model.float()(x).detach().numpy()
    np.testing.assert_allclose(outputs(found.network, x.numpy()), expected, rtol=0, atol=1e-6)


def test_a_network_of_ones_own_comes_back(tmp_path):
    network = bptt.Network.init(I, H, O, cell="rnn", activation="softsign", loss_at="last", rng=1)
    path = network.save(tmp_path / "own.safetensors", {"data": "copy"})
    found = opened("own.safetensors", path.read_bytes())
    for name, value in network.parameters().items():
        np.testing.assert_array_equal(found.network.parameters()[name], value)
    assert found.network.layer.phi.name == "softsign"
    assert found.network.loss_at == "last"
    assert found.model.notes["data"] == "copy"
    found.network.layer.b += 1  # its weights are its own, to be changed


def test_what_is_not_used_is_said():
    model = Model()
    model.norm = nn.BatchNorm1d(7)  # with a counter that is a whole number
    notes = opened("mine.safetensors", save(model.state_dict())).notes
    assert any("not used" in note and "norm.num_batches_tracked" in note for note in notes)


def test_several_modules_are_a_choice():
    model = Model()
    model.other = nn.GRU(2, 4)
    model.head = nn.Linear(4, 3)
    content = save(model.state_dict())
    told = sentence(content)
    assert "other, rnn" in told
    network = opened("mine.safetensors", content, recurrent="other", readout="head").network
    assert (network.stack.inputs, network.layer.hidden, len(network.b_O)) == (2, 4, 3)


def test_noise_fits_every_model():
    for content in (
        save(Model("lstm", bidirectional=True).state_dict()),
        save(Model("gru", outputs=1).double().state_dict()),
        save(nn.RNN(I, H, 2).state_dict()),
    ):
        for loss_at in ("last", "every", None):
            made = fitted(opened("mine.safetensors", content), "noise", 20, 6, 3, loss_at)
            assert made.batch["x"].shape == (20, 6, I)
            assert made.network.loss_at == (loss_at or "last")
            assert made.needed_lag == 10
            assert np.isfinite(diagnose_network(made.network, made.batch, 10).E)


def test_one_output_is_a_number_and_two_are_classes():
    one = opened("mine.safetensors", save(Model(outputs=1).state_dict()))
    two = opened("mine.safetensors", save(Model(outputs=7).state_dict()))
    assert fitted(one, batch=50).batch["targets"].dtype.kind == "f"
    assert set(fitted(two, batch=200).batch["targets"].tolist()) == set(range(7))


def test_data_that_fit_bring_their_loss():
    class Adder(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc = nn.LSTM(2, H), nn.Linear(H, 1)

    found = opened("mine.safetensors", save(Adder().state_dict()))
    made = fitted(found, "adding", 30, 8)
    assert (made.network.loss, made.network.loss_at) == ("mse", "last")
    assert made.needed_lag == 15
    x = torch.from_numpy(made.batch["x"])
    assert x.shape == (30, 8, 2)
    drawn = fitted(opened("mine.safetensors", save(nn.GRU(6, H).state_dict())), "order2", 20)
    assert len(drawn.network.b_O) == 4  # as many as the task has answers


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("adding", "3 numbers a step"),
        ("vowels", "3 numbers a step"),
        ("/etc/passwd", "one of noise"),
    ],
)
def test_data_that_do_not_fit_are_refused_in_a_sentence(data, part):
    found = opened("mine.safetensors", save(Model().state_dict()))
    with pytest.raises(bptt.errors.OptionError, match=part):
        fitted(found, data)


def test_targets_that_do_not_fit_are_refused():
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.fc = nn.GRU(6, H), nn.Linear(H, 3)

    found = opened("mine.safetensors", save(Small().state_dict()))
    with pytest.raises(bptt.errors.OptionError, match="4 classes"):
        fitted(found, "order2", 20)


def test_a_text_is_read_in_the_characters_of_the_model(text):
    size = len(text.characters)
    network = bptt.Network.init(size, H, size, rng=0)
    notes = {"characters": "".join(text.characters)}
    content = _saved(network, notes)
    made = fitted(opened("mine.safetensors", content), "text", 20, 4)
    np.testing.assert_array_equal(made.batch["x"].sum(2), 1)


def _saved(network, notes):
    from safetensors.numpy import save as save_arrays

    return save_arrays(network.parameters(), notes | network.describe())


def test_a_batch_that_needs_too_much_memory_is_refused_before_it_is_drawn():
    found = opened("mine.safetensors", save(nn.RNN(2_000_000, 1).state_dict()))
    with pytest.raises(bptt.errors.OptionError, match="512 MB"):
        fitted(found)
    assert fitted(found, "noise", 4, 1).batch["x"].shape == (4, 1, 2_000_000)


def _torch_saved():
    file = BytesIO()
    torch.save(Model().state_dict(), file)
    return file.getvalue()


def _changed(change, **options):
    model = Model(**options)
    return save({name: change(value) for name, value in model.state_dict().items()})


def _nan():
    model = Model()
    model.rnn.weight_hh_l0.data[0, 0] = float("nan")
    return save(model.state_dict())


GOOD = save(Model().state_dict())
ONE = b'"weight_hh_l0":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}'
HUGE = {"weight_hh_l0": {"dtype": "F32", "shape": [10**6] * 2, "data_offsets": [0, 4 * 10**12]}}
NOTHING = {"weight_hh_l0": {"dtype": "F32", "shape": [10**6, 10**6, 0], "data_offsets": [0, 0]}}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "0 bytes"),
        (_torch_saved(), "zip archive"),
        (pickle.dumps({"weight": 1}), "pickled object"),
        (b"MZ\x90\x00" + bytes(100), "a program"),
        (bytes(100), "something else"),
        (GOOD[:-4], "damaged"),
        (GOOD[:100], "in a file of 100"),
        ((2**62).to_bytes(8, "little") + GOOD[8:], "4611686018427387904"),
        (stored(b'{"a":' * 300_000), "damaged"),
        (stored(b"{" + b" " * 5_000_000 + b"}"), "header of 5000002"),
        (stored(HUGE, bytes(64)), "damaged"),
        (stored(NOTHING), "weight_ih_l0"),
        (stored(b"{" + ONE + b"," + ONE + b"}", bytes(4)), "weight_ih_l0"),
        (stored({"": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)), "names"),
        (_changed(lambda v: v.int()), "int32"),
        (_changed(lambda v: v > 0), "bool"),
        (_changed(lambda v: v.to(torch.float8_e4m3fn)), "F8_E4M3"),
        (_nan(), "nan at index"),
        (save(nn.Linear(3, 3).state_dict()), "weight_hh_l0"),
        (save(nn.LSTM(3, 5, proj_size=2).state_dict()), "projection"),
        (save({f"rnn.{'x' * 10_000}": torch.zeros(1)}), "weight_hh_l0"),
        (bytes(MAX_BYTES + 1), "67,108,865"),
    ],
)  # fmt: skip
def test_what_is_no_such_model_is_one_sentence(content, part):
    assert part in sentence(content)


def test_other_names_are_refused_even_with_good_content():
    assert "'.pt'" in sentence(GOOD, "mine.pt")
    assert "''" in sentence(GOOD, "mine")
    assert "mine" in sentence(b"", "C:\\Users\\me\\mine.safetensors")
    assert len(sentence(b"", "mine" + 500 * "x\n" + ".safetensors")) < 300


def test_the_size_is_looked_at_first():
    content = stored(b'{"a":' * 300_000, bytes(MAX_BYTES))
    assert "67,108,864" in sentence(content, "mine.exe")


def either(content):
    """Opens to finite numbers, or says why not."""
    try:
        network = opened("mine.safetensors", content).network
    except BpttError:
        return False
    assert all(np.isfinite(value).all() for value in network.parameters().values())
    return True


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(content):
    assert not either(content)
    either(stored(b"{" + content, content))


SMALL = [
    save(Model(kind).state_dict() | {"n": torch.zeros(2, dtype=torch.bfloat16)}) for kind in KINDS
]
SMALL.append(_saved(bptt.Network.init(2, 3, 2, cell="gru", layers=2, rng=0), {"data": "noise"}))


@settings(max_examples=500)
@given(
    st.sampled_from(SMALL),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.booleans(),
    st.integers(0, 30) | st.none(),
)
def test_real_files_with_other_bytes_open_to_finite_numbers_or_are_refused(
    content, bytes_, in_header, cut
):
    changed = bytearray(content)
    part = 8 + int.from_bytes(content[:8], "little") if in_header else len(content)
    for where, value in bytes_:
        changed[int(where * part)] = value
    either(bytes(changed[: None if cut is None else -cut]))
    if not bytes_ and not cut:
        assert either(bytes(content))


def test_a_file_of_another_kind_says_so_whatever_it_is_called():
    hdf5 = b"\x89HDF\r\n\x1a\n" + bytes(50) + b"keras_version"
    for name in ("mine.safetensors", "mine.h5"):
        told = sentence(hdf5, name)
        assert "an HDF5 file, as Keras writes" in told
        assert "bptt.from_keras(path); its save('model.safetensors')" in told
    assert "Run git lfs pull" in sentence(b"version https://git-lfs.github.com/spec/v1\n")
