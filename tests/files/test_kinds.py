"""Files that are no weights of PyTorch's: said to be what they are, by what stands in them, and never opened."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from torch import nn

import bptt
from bptt import files
from bptt.errors import FileError
from bptt.files.kinds import kind_in

SAMPLES = (
    Path(__file__).parent / "samples"
)  # the first bytes of what Keras 3.15 and PyTorch's exporter wrote


def sample(name):
    return (SAMPLES / name).read_bytes()


def zipped(parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def protobuf(*fields):
    """Parts of a message: (number, a whole number below 128 or bytes)."""
    message = b""
    for number, value in fields:
        if isinstance(value, int):
            message += bytes([number << 3, value])
            continue
        size, length = len(value), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        message += bytes([number << 3 | 2]) + length + bytes([size]) + value
    return message


def scripted():
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), stream)
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pt"), io.BytesIO())
    return stream.getvalue()


def arrays():
    stream = io.BytesIO()
    np.savez(stream, a=np.ones(2))
    return stream.getvalue()


def joblib_dumped(**options):
    import joblib

    stream = io.BytesIO()
    joblib.dump({"weights": np.ones(3)}, stream, **options)
    return stream.getvalue()


KERAS = {"metadata.json": "{}", "config.json": "{}", "model.weights.h5": sample("keras.weights.h5")}
INDEX = {
    "metadata": {},
    "weight_map": {"rnn.weight_hh_l0": "m-2.safetensors", "emb.weight": "m-1.safetensors"},
}
GRAPH = protobuf((1, 8), (2, b"tf2onnx"), (7, bytes(900)), (8, b"\x10\x11"))
FOREIGN = {
    "model.h5": (sample("keras.h5"), r"an HDF5 file, as Keras writes.*bptt.from_keras\(path\)"),
    "model.weights.h5": (sample("keras.weights.h5"), "an HDF5 file, as Keras writes"),
    "weights.hdf5": (bytes(512) + sample("keras.h5"), "an HDF5 file"),
    "model.keras": (zipped(KERAS), r"a model of Keras.*bptt.from_keras\(path\)"),
    "gru.onnx": (sample("gru.onnx"), r"a model in ONNX.*bptt.from_onnx\(path\)"),
    "large.onnx": (GRAPH, "a model in ONNX"),
    "saved_model.pb": (protobuf((1, 1), (2, bytes(900))), "a SavedModel of TensorFlow"),
    "model.ckpt.index": (bytes(40) + bytes.fromhex("57fb808b247547db"), "a checkpoint of TensorFlow"),
    "model.data-00000-of-00001": (bytes(40), "a checkpoint of TensorFlow"),
    "model.tflite": (b"\x1c\0\0\0TFL3" + bytes(90), "TensorFlow Lite"),
    "model.joblib": (joblib_dumped(), "a pickled object by joblib, .* was not opened. Save the weights"),
    "small.joblib": (joblib_dumped(compress=3), "as joblib.dump writes, which was not opened"),
    "model.pkl": (pickle.dumps({"w": 1}, 4), "a pickled object, which could run any code and was not opened"),
    "old.pkl": (pickle.dumps({"w": 1}, 0), "a pickled object"),
    "script.pt": (scripted(), r"a model of TorchScript.*torch.jit.load\(path\).state_dict\(\)"),
    "model.pt2": (zipped({"a/archive_format": "pt2", "a/models/model.json": "{}"}), "a model of torch.export"),
    "index.json": (json.dumps(INDEX).encode(), r"an index of weights .*\(m-2.safetensors\)"),
    "config.json": (b'{"hidden_size": 3}', "a JSON text"),
    "lfs.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "Run git lfs pull"),
    "page.safetensors": (b"\n<!DOCTYPE html><html>404</html>", "a web page, as a download that failed"),
    "w.npz": (arrays(), r"arrays of NumPy's.*save_file\(dict\(np.load\(path\)\)"),
    "w.npy": (b"\x93NUMPY\x01\0" + bytes(99), "an array of NumPy's"),
    "w.gz": (gzip.compress(bytes(99)), "a gzip archive. Unpack it"),
    "w.bz2": (bz2.compress(bytes(99)), "a bzip2 archive. Unpack it"),
    "w.xz": (lzma.compress(bytes(99)), "an xz archive. Unpack it"),
    "w.tar": (tarred(), "a tar archive. Unpack it"),
    "w.zip": (zipped({"weights.pt": b""}), "a zip archive without weights of PyTorch's"),
    "tf.zip": (zipped({"m/saved_model.pb": b""}), "a SavedModel of TensorFlow"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind_is_said_to_be_one(name, tmp_path):
    """Whatever it is called."""
    content, words = FOREIGN[name]
    for path in (tmp_path / name, tmp_path / "weights.pt", tmp_path / "weights.safetensors"):
        if ".data-" in name and path.name != name:
            continue  # numbers and nothing else: only the name tells
        path.write_bytes(content)
        with pytest.raises(FileError, match=words) as caught:
            files.read_weights(path)
        assert str(caught.value).startswith(f"{path}: expected a .safetensors file or a state dict")
        assert "\n" not in str(caught.value)
    if ".data-" not in name:
        with pytest.raises(FileError, match=words):
            bptt.Network.load(path)


def test_folders(tmp_path):
    def refused(*names):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name in names:
            (folder / name).touch()
        with pytest.raises(FileError) as caught:
            files.read_weights(folder)
        return str(caught.value)

    assert "the folder of a SavedModel of TensorFlow" in refused("saved_model.pb", "fingerprint.pb")
    assert "Pass a file in it: model.safetensors." in refused("config.json", "model.safetensors")
    assert "checkpoints of TensorFlow" in refused("checkpoint", "ckpt-1.index")
    assert "got a folder. Pass the file" in refused("other.txt")
    (tmp_path / "cp.index").touch()
    with pytest.raises(FileError, match="got a checkpoint of TensorFlow"):
        files.read_weights(tmp_path / "cp")  # as tf.train.Checkpoint is asked for it


def test_weights_are_read_by_what_they_are_and_not_by_their_name(tmp_path):
    weights = nn.GRU(2, 3).state_dict()
    torch.save(weights, tmp_path / "a.safetensors")
    torch.save(weights, tmp_path / "b", _use_new_zipfile_serialization=False)
    save_file(weights, tmp_path / "c.pt")
    save_file(weights, tmp_path / "d")
    for path in sorted(tmp_path.iterdir()):
        tensors, _ = files.read_weights(path)
        np.testing.assert_array_equal(tensors["weight_hh_l0"], weights["weight_hh_l0"])


class HyperParameters:
    """What a Lightning module may have saved of its own."""


def test_a_lightning_checkpoint_with_objects_in_it(tmp_path):
    content = {
        "epoch": 3,
        "pytorch-lightning_version": "2.5",
        "state_dict": {},
        "hyper_parameters": HyperParameters(),
    }
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(
        FileError, match=r"pickled object.*YourModule\.load_from_checkpoint\(path\)\.state_dict"
    ):
        files.read_weights(tmp_path / "last.ckpt")


def test_a_whole_model_of_skorch_or_anyone_is_a_pickle(tmp_path):
    path = tmp_path / "net.pkl"
    with path.open("wb") as stream:
        pickle.dump(nn.GRU(2, 3), stream)
    with pytest.raises(FileError, match=r"was not opened\. Save the weights alone"):
        files.read_weights(path)


@given(st.binary(max_size=200))
def test_random_bytes_are_of_some_kind_or_none(content):
    kind = kind_in(content)
    assert kind is None or kind.what


@pytest.mark.parametrize("size", range(2, 130))
def test_every_length_of_a_safetensors_header_is_one(size):
    """The first byte is part of a length: it may be that of a pickle, of zlib or of a program."""
    content = save({"w" * size: torch.zeros(1)})
    assert kind_in(content).reader == "safetensors"


def test_a_transposed_array_is_written_as_it_is_read(tmp_path):
    """safetensors alone writes it as it lies in memory."""
    weight = np.arange(6.0).reshape(2, 3).T
    tensors, _ = files.read_weights(
        files.write_tensors(tmp_path / "w.safetensors", {"w": weight}, {})
    )
    np.testing.assert_array_equal(tensors["w"], weight)
