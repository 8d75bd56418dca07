"""``bptt.from_keras`` and ``bptt.from_onnx``: a network from a file of another program."""

from pathlib import Path

from bptt.arrays import as_kind
from bptt.models import keras, onnx
from bptt.network import Network


def from_keras(path: str | Path, activation: str | None = None) -> Network:
    """The network in a file that Keras saved: recurrent layers and the Dense layer that reads them.

    Keras is not needed, and nothing in the file is run. Layers before the first recurrent one (an Embedding)
    are left out: x is what comes out of them. Dropout is off.

    Args:
        path: a .keras or .h5 file of a whole model, or a file of weights alone (.weights.h5).
        activation: of a SimpleRNN, where the file holds weights alone; else the file says it.

    Returns:
        the network; its loss is cross-entropy for softmax, for one sigmoid output (which becomes the second of
        two classes) and for logits, else the mean squared error. It is taken at every step or at the last, as
        return_sequences says.

    Raises:
        FileError: if it is no such file, or the model does what no network here does; it says which layer.
        OptionError: if h5py is missing (``pip install 'bptt[keras]'``), or an activation is missing or too much.
        NonFiniteError: if a weight is NaN or infinite.
    """
    return keras.read_model(_file(path), activation).network


def from_onnx(path: str | Path) -> Network:
    """The network in an ONNX file: its RNN, LSTM or GRU nodes and the matrix that reads their states.

    What comes before the first recurrent node is left out: x is what comes out of it.

    Args:
        path: of the file.

    Returns:
        the network, with the loss as ``from_keras`` has it; several linear outputs are taken for logits.

    Raises:
        FileError: if it is no such file, or the model does what no network here does; it says which node.
        OptionError: if the package onnx is missing (``pip install 'bptt[onnx]'``).
        NonFiniteError: if a weight is NaN or infinite.
    """
    return onnx.read_model(_file(path)).network


def _file(path: str | Path) -> str | Path:
    """A path, and no number of an open file."""
    as_kind("path", path, (str, Path), "the path of a file", "Pass a string or a Path.")
    return path
