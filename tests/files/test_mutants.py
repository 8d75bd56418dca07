"""Files that were damaged, or made to harm: each is read, or refused by one clear error, within bounds of time and memory."""

import resource
import shutil
import struct
import time
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt.configuration import Configuration
from bptt.data import Reading
from bptt.data.own import read as read_sequences
from bptt.errors import BpttError
from bptt.models.saved import read as read_model
from bptt.sweeps.plan.plan_file import read_plan

SAMPLES = Path(__file__).parent.parent / "models" / "samples"
SMALL = Configuration(hidden=4, batch=2, length=8)
MUTANTS = 430  # of each of nine kinds: 3,870
SECONDS, MEGABYTES = 2.0, 256
LIES = (2**63, 2**40, 2**31, 0, 2**64 - 1)  # lengths


def safetensors(folder):
    bptt.Network.init(2, 4, 2, rng=0).save(folder / "a.safetensors")
    return folder / "a.safetensors", read_model


def weights_of_torch(folder):
    torch = pytest.importorskip("torch", reason="pip install torch")
    parts = {"rnn": torch.nn.LSTM(2, 4), "out": torch.nn.Linear(4, 2)}
    torch.save(torch.nn.ModuleDict(parts).state_dict(), folder / "a.pt")
    return folder / "a.pt", read_model


def sequences_npz(folder):
    rng = np.random.default_rng(0)
    np.savez_compressed(folder / "a.npz", x=rng.normal(size=(6, 9, 2)), y=rng.integers(0, 2, 6))
    return folder / "a.npz", lambda path: read_sequences(str(path), Reading())


def sequences_csv(folder):
    rng = np.random.default_rng(0)
    lines = ["sequence,a,b,target"]
    lines += [
        f"{n},{rng.normal():.3f},{rng.normal():.3f},{n % 2}" for n in range(6) for _ in range(8)
    ]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    return folder / "a.csv", lambda path: read_sequences(str(path), Reading())


def plan(folder):
    lines = [
        "sample = 2",
        "[axes]",
        'gain = "0.5:1.5:3"',
        'activation = ["tanh", "relu"]',
        "[base]",
        "hidden = 8",
    ]
    (folder / "a.toml").write_text("\n".join(lines) + "\n")
    return folder / "a.toml", read_plan


def onnx_file(folder):
    pytest.importorskip("onnx", reason="pip install onnx")
    shutil.copy(SAMPLES / "lstm_torchscript.onnx", folder / "a.onnx")
    return folder / "a.onnx", read_model


def keras_archive(folder):
    pytest.importorskip("h5py", reason="pip install h5py")
    shutil.copy(SAMPLES / "lstm.keras", folder / "a.keras")
    return folder / "a.keras", read_model


def keras_hdf5(folder):
    pytest.importorskip("h5py", reason="pip install h5py")
    shutil.copy(SAMPLES / "lstm.h5", folder / "a.h5")
    return folder / "a.h5", read_model


def rows_of_a_sweep(folder):
    pytest.importorskip("joblib", reason="pip install joblib")
    from bptt.sweeps import open as read_sweep
    from bptt.sweeps import sweep

    sweep({"gain": [0.5, 1.0]}, out=folder / "a.sqlite", engine="threads", workers=1, base=SMALL)

    def read(path):
        swept = read_sweep(path)
        swept.table("lags")
        return swept.compare()

    return folder / "a.sqlite", read


KINDS = [
    safetensors,
    weights_of_torch,
    sequences_npz,
    sequences_csv,
    plan,
    onnx_file,
    keras_archive,
    keras_hdf5,
    rows_of_a_sweep,
]


def mutants(content, rng):
    """Bits and bytes changed, parts cut out, doubled, exchanged, lengths that lie; without end."""
    while True:
        data = bytearray(content)
        kind = rng.integers(8)
        at = int(rng.integers(len(data)))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            for place in rng.integers(0, len(data), 1 + int(rng.integers(20))):
                data[place] = int(rng.integers(256))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + 1 + int(rng.integers(40))]
        elif kind == 4:
            data[at:at] = data[at : at + 200]
        elif kind == 5:
            data[at : at + 8] = struct.pack("<Q", LIES[int(rng.integers(len(LIES)))])
        elif kind == 6:
            data[at:at] = bytes(rng.integers(0, 256, 16, dtype=np.uint8))
        else:  # a number becomes huge
            digits = [i for i in range(len(data)) if chr(data[i]).isdigit()]
            if digits:
                place = int(rng.choice(digits))
                data[place:place] = b"9" * int(rng.integers(1, 25))
        yield bytes(data)


def bounded(read, path):
    """What comes of a file: read or one of our errors, in time and memory."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read(path)
        refused = False
    except BpttError:
        refused = True
    assert time.process_time() - began < SECONDS
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES + path.stat().st_size / 1e6
    return refused


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.filterwarnings("default")
def test_mutants(kind, tmp_path):
    path, read = kind(tmp_path)
    assert not bounded(read, path)
    content, rng = path.read_bytes(), np.random.default_rng(1)
    refused = 0
    for number, mutant in zip(range(MUTANTS), mutants(content, rng), strict=False):
        path.write_bytes(mutant)
        try:
            refused += bounded(read, path)
        except Exception as error:
            raise AssertionError(f"mutant {number}: {type(error).__name__}: {error}") from error
    assert refused > MUTANTS // 5
