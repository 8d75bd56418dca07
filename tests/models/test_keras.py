"""Files of Keras: the outputs and the gradients are Keras' own, and what no network here does is refused by name."""

import io
import itertools
import json
import zipfile

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("h5py")
pytest.importorskip("keras")

import h5py
import keras
import torch
from keras import layers as kl

import bptt
from bptt import models
from bptt.errors import FileError, OptionError
from tests.models.refusals import told

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Keras' own, of .h5 files
T, B, I = 7, 4, 3


def built(*layers, inputs=(None, I), loss=None):
    model = keras.Sequential([keras.Input(inputs), *layers])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape).astype("float32") / 2 for w in model.get_weights()])
    if loss:
        model.compile(loss=loss)
    return model


def saved(model, folder, ending=".keras"):
    path = folder / f"m{ending}"
    model.save_weights(path) if ending == ".weights.h5" else model.save(path)
    return path


def batch(classes, every, seed=1):
    """x (T, B, I) and classes, or numbers where there are none."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(T, B, I)).astype("float32")
    shape = (T, B) if every else (B,)
    if classes:
        return x, rng.integers(classes, size=shape)
    return x, rng.normal(size=(*shape, 1)).astype("float32")


def agrees(model, network, classes, every=False, squashed=True):
    """Outputs, and the gradient of every layer's W_R as Keras' autograd has it and as the sum over lags."""
    x, targets = batch(classes, every)
    x_first = torch.tensor(x.swapaxes(0, 1).copy())
    p = model(x_first)
    wanted = torch.tensor(targets.swapaxes(0, 1).copy() if every else targets)
    if not classes:
        E = (p - wanted).square().mean()
    elif p.shape[-1] == 1:
        p = torch.cat([1 - p, p], -1)
        E = torch.nn.functional.nll_loss(p.log(), wanted)
    else:
        log = p.log() if squashed else p.log_softmax(-1)
        E = torch.nn.functional.nll_loss(log.reshape(-1, log.shape[-1]), wanted.reshape(-1))
    run = network.run(x, targets)
    E.backward()
    assert run.E == pytest.approx(E.item(), rel=1e-6)
    own = [w for w in model.trainable_weights if w.name == "recurrent_kernel"]
    profiles = bptt.by_lag(run.trace, run.dh)
    profiles = profiles if isinstance(profiles, list) else [profiles]
    layers = network.stack.layers
    for (
        layer,
        profile,
        W,
    ) in zip(layers, profiles, own, strict=True):
        gradient = W.value.grad.numpy().T
        if layer.cell.name.endswith("gru"):  # z, r, n
            z, r, n = np.split(gradient, 3)
            gradient = np.concatenate([r, z, n])
        assert profile.residual < 1e-5
        np.testing.assert_allclose(
            profile.dW_R, gradient, rtol=0, atol=2e-6 * np.abs(gradient).max()
        )


MODELS = {
    "lstm": (lambda: [kl.LSTM(5), kl.Dense(3, activation="softmax")], 3, False),
    "gru": (lambda: [kl.GRU(5, return_sequences=True), kl.Dense(3, activation="softmax")], 3, True),
    "reset before": (
        lambda: [kl.GRU(5, reset_after=False, return_sequences=True), kl.Dense(3, activation="softmax")], 3, True,
    ),
    "without a bias": (lambda: [kl.GRU(5, reset_after=False, use_bias=False), kl.Dense(1)], 0, False),
    "before, both ways": (
        lambda: [
            kl.Bidirectional(kl.GRU(4, reset_after=False, return_sequences=True)), kl.GRU(5), kl.Dense(3, activation="softmax"),
        ], 3, False,
    ),
    "rnn": (lambda: [kl.SimpleRNN(5, activation="relu"), kl.Dense(1)], 0, False),
    "sigmoid": (lambda: [kl.LSTM(5, use_bias=False), kl.Dense(1, activation="sigmoid")], 2, False),
    "stack": (
        lambda: [
            kl.Bidirectional(kl.LSTM(4, return_sequences=True)), kl.Dropout(0.5),
            kl.GRU(6, return_sequences=True, recurrent_dropout=0.2),
            kl.TimeDistributed(kl.Dense(3)), kl.Activation("softmax"),
        ], 3, True,
    ),
    "both ways": (lambda: [kl.Bidirectional(kl.GRU(4)), kl.Dense(3, use_bias=False), kl.Softmax()], 3, False),
}  # fmt: skip


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_are_those_of_keras(name, ending, tmp_path):
    layers, classes, every = MODELS[name]
    model = built(*layers())
    agrees(model, bptt.from_keras(saved(model, tmp_path, ending)), classes, every)


def test_weights_alone(tmp_path):
    """Their names and shapes tell the cells; what reads the states is linear until data say more."""
    model = built(
        kl.Bidirectional(kl.GRU(4, return_sequences=True)), kl.Bidirectional(kl.GRU(5)), kl.Dense(3)
    )
    network = bptt.from_keras(saved(model, tmp_path, ".weights.h5"))
    agrees(model, network, 3, squashed=False)
    plain = saved(built(kl.SimpleRNN(4), kl.Dense(1)), tmp_path, ".weights.h5")
    with pytest.raises(
        OptionError, match="activation: expected that of the SimpleRNN 'simple_rnn'"
    ):
        bptt.from_keras(plain)
    assert bptt.from_keras(plain, activation="relu").layer.phi.name == "relu"
    before = built(kl.GRU(4, reset_after=False, return_sequences=True), kl.Dense(3))
    found = bptt.from_keras(saved(before, tmp_path, ".weights.h5"))
    assert isinstance(found.layer, bptt.ChoGRU)  # which has one bias
    found.loss_at = "every"
    agrees(before, found, 3, every=True, squashed=False)
    silent = saved(built(kl.GRU(4, use_bias=False), kl.Dense(3)), tmp_path, ".weights.h5")
    with pytest.raises(FileError, match="reset_after, True or False, got weights alone"):
        bptt.from_keras(silent)
    mixed = built(kl.LSTM(4, return_sequences=True), kl.GRU(4), kl.Dense(1))
    with pytest.raises(FileError, match=r"do not tell which comes first, got .*lstm"):
        bptt.from_keras(saved(mixed, tmp_path, ".weights.h5"))


def test_a_functional_model_is_followed_back_from_its_output(tmp_path):
    ids = keras.Input((T,))
    x = kl.Embedding(9, I, mask_zero=True, name="words")(ids)
    h = kl.LSTM(4, name="memory", stateful=False)(x)
    model = keras.Model(ids, kl.Dense(3, name="answer")(kl.Dropout(0.1, name="thinned")(h)))
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    saved_model = models.read(saved(model, tmp_path))
    network, parts = saved_model.network, saved_model.parts
    assert (network.loss, network.loss_at) == ("cross_entropy", "last")
    assert (parts.recurrent, parts.readout, parts.rest) == ("memory", "answer", ("words",))
    facts = dict(saved_model.facts)
    assert facts["off, as outside training"] == "thinned"
    assert "by the lengths of the data" in facts["masked"]
    assert facts["compiled with"] == "sparse_categorical_crossentropy"


def state_passed_on():
    x = keras.Input((None, I))
    _, h, c = kl.LSTM(4, return_state=True, name="encoder")(x)
    y = kl.LSTM(4, name="decoder")(x, initial_state=[h, c])
    return keras.Model(x, kl.Dense(2)(y))


def two_beside():
    x = keras.Input((None, I))
    both = kl.Concatenate(name="joined")([kl.LSTM(4, name="one")(x), kl.LSTM(4, name="other")(x)])
    return keras.Model(x, kl.Dense(2)(both))


REFUSED = {
    "activation": (lambda: built(kl.LSTM(4, activation="relu", name="l"), kl.Dense(2)), "activation tanh in the layer 'l', got relu"),
    "gate": (
        lambda: built(kl.GRU(4, recurrent_activation="hard_sigmoid", name="l"), kl.Dense(2)),
        "recurrent_activation sigmoid in the layer 'l', got hard_sigmoid",
    ),
    "backwards": (lambda: built(kl.LSTM(4, go_backwards=True, name="l"), kl.Dense(2)), "go_backwards False in the layer 'l'"),
    "sum": (
        lambda: built(kl.Bidirectional(kl.LSTM(4), merge_mode="sum", name="b"), kl.Dense(2)),
        "merge_mode concat in the layer 'b', got sum",
    ),
    "plain": (lambda: built(kl.SimpleRNN(4, activation="gelu", name="s"), kl.Dense(2)), "activation one of tanh, .*'s', got gelu"),
    "lambda": (lambda: built(kl.LSTM(4), kl.Lambda(abs, name="mine"), kl.Dense(2)), "the Lambda layer 'mine', which was not opened"),
    "cell": (lambda: built(kl.RNN(kl.LSTMCell(4), name="own"), kl.Dense(2)), "the layer 'own' of class RNN"),
    "between": (
        lambda: built(kl.LSTM(4, return_sequences=True), kl.LayerNormalization(name="n"), kl.LSTM(4), kl.Dense(2)),
        "nothing between recurrent layers but dropout, got the layer 'n' of class LayerNormalization",
    ),
    "two dense": (
        lambda: built(kl.LSTM(4), kl.Dense(4, activation="relu"), kl.Dense(2, name="second")), "one Dense layer .*'second'"
    ),
    "pooled": (
        lambda: built(kl.LSTM(4, return_sequences=True), kl.GlobalAveragePooling1D(name="p"), kl.Dense(2)), "the layer 'p' of class Gl"
    ),
    "squashed": (lambda: built(kl.LSTM(4), kl.Dense(2, activation="sigmoid")), "got sigmoid of 2 outputs"),
    "unread": (lambda: built(kl.LSTM(4, name="l")), "a Dense layer that reads the states, got 'l' as the output"),
    "no memory": (lambda: built(kl.Dense(2, name="d")), r"a layer LSTM, GRU or SimpleRNN, got d \(Dense\)"),
    "encoder": (state_passed_on, "decoder|encoder"),
    "beside": (two_beside, "follow one another, got '.*' beside them, at the layer 'joined'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_network_here_does_is_refused_by_name(name, tmp_path):
    make, words = REFUSED[name]
    with pytest.raises(FileError, match=words) as caught:
        bptt.from_keras(saved(make(), tmp_path))
    assert "\n" not in str(caught.value)


def test_one_that_reads_backwards_is_read_as_its_refusal_says(tmp_path):
    """The same weights on sequences that are turned around."""
    model = built(kl.LSTM(4, go_backwards=True, return_sequences=True), kl.Dense(2))
    refusal = told(bptt.from_keras, saved(model, tmp_path))
    assert "set layer.go_backwards = False, save the model again, and turn the sequences" in refusal
    x, _ = batch(2, True)
    wanted = model(torch.tensor(x.swapaxes(0, 1).copy())).detach().numpy()
    model.layers[0].go_backwards = False
    network = bptt.from_keras(saved(model, tmp_path))
    found = network.run(x[::-1].copy(), np.zeros((T, B), int)).o
    np.testing.assert_allclose(found.swapaxes(0, 1), wanted, rtol=0, atol=1e-6)


def test_a_damaged_file_is_said_to_be_one(tmp_path):
    path = saved(built(kl.LSTM(4), kl.Dense(2)), tmp_path)
    content = path.read_bytes()
    broken = bytearray(content)
    broken[content.rindex(b"PK\1\2")] = 0  # in the list of what the archive holds
    path.write_bytes(broken)
    with pytest.raises(FileError, match=r"m\.keras: expected"):
        models.read(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match=r"m\.keras: expected"):
        bptt.from_keras(path)
    with pytest.raises(FileError, match="no such file"):
        bptt.from_keras(tmp_path / "none.keras")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [{}]}})
        )
        archive.writestr("model.weights.h5", hdf5())
    with pytest.raises(FileError, match="a configuration of Keras"):
        bptt.from_keras(path)


def test_a_configuration_that_makes_no_sense_is_one_line(tmp_path):
    """Every part of it replaced by what it cannot be: it is read, or refused in one line."""
    path = saved(built(kl.Bidirectional(kl.GRU(4)), kl.Dense(2), loss="mse"), tmp_path)
    with zipfile.ZipFile(path) as archive:
        config, weights = json.loads(archive.read("config.json")), archive.read("model.weights.h5")
    for where, value in zip(places(config), itertools.cycle((None, 3, "x", [1], {})), strict=False):
        changed = json.loads(json.dumps(config))
        inner = changed
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(changed))
            archive.writestr("model.weights.h5", weights)
        assert "\n" not in told(bptt.from_keras, path)


def places(value, before=()):
    """The way to every part of a configuration, but for initialisers and what else nobody reads."""
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in pairs:
        if not str(key).endswith(("initializer", "dtype", "regularizer", "constraint")):
            yield (*before, key)
            yield from places(part, (*before, key))


def hdf5(**attributes):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs.update(attributes)
    return stream.getvalue()


def test_no_other_file_is_read_through_a_link(tmp_path):
    """An array of a file may say that its numbers stand in another file of this machine."""
    path = saved(built(kl.LSTM(4), kl.Dense(2)), tmp_path, ".weights.h5")
    (tmp_path / "secret").write_bytes(bytes(4 * 16 * 4))
    with h5py.File(path, "a") as file:
        cell = file["layers/lstm/cell/vars"]
        del cell["1"]
        cell.create_dataset("1", (4, 16), "float32", external=[(str(tmp_path / "secret"), 0, 256)])
    with pytest.raises(FileError, match="in another file"):
        bptt.from_keras(path)


def test_every_command_opens_it(tmp_path):
    """Half precision is computed with in float32, and a changed copy is a network of bptt."""
    model = built(
        kl.GRU(5), kl.Dense(3, activation="softmax"), loss="sparse_categorical_crossentropy"
    )
    path = saved(model, tmp_path)
    opened = models.load(path, "noise", 20)
    assert opened.facts[0] == ("model", "m.keras")
    assert ("recurrent", "gru") in opened.facts or dict(opened.facts)["recurrent"].startswith("gru")
    assert opened.batch(2)["x"].shape == (20, 2, I)
    with pytest.raises(
        OptionError, match=r"data: expected the data that .* for Keras does not save"
    ):
        models.load(path)
    with pytest.raises(OptionError, match=r"readout: expected none, for .* but a model of Keras"):
        models.read(path, readout="dense")
    opened.save(opened.network, tmp_path / "changed.safetensors")
    again = models.read(tmp_path / "changed.safetensors").network
    np.testing.assert_array_equal(again.layer.W_R, opened.network.layer.W_R)
