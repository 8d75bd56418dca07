"""A network and data that do not know of each other: do they fit, and with which loss."""

from dataclasses import replace
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.cells.initialise import readout_weights
from bptt.data import Data, Series, Task, Text
from bptt.data.tasks.noise import noise
from bptt.errors import OptionError
from bptt.network import Network
from bptt.network.losses import steps_of


def fitted(network: Network, data: Data, name: str) -> Network:
    """The network with the loss of the data.

    Args:
        network: whose readout may know more classes than the data hold.
        data: what it is to read.
        name: of the data, for the errors.

    Raises:
        OptionError: if their sizes differ.
    """
    I, O = network.stack.inputs, len(network.b_O)
    inputs, outputs, loss, at = wanted(data)
    if inputs != I:
        raise OptionError(
            "data", f"data of {I} number{'s' * (I > 1)} a step, as the model reads",
            f"{name}, which has {inputs}{_read(data)}", "Pass data of that size; noise fits every model.",
        )  # fmt: skip
    if (loss == "mse") != (O == 1):
        needs = (
            "numbers, with a decimal point" if O == 1 else f"classes, integers from 0 to {O - 1}"
        )
        got = "numbers, with a decimal point" if loss == "mse" else "classes, which are integers"
        raise OptionError(
            "data", f"targets that are {needs}, for the model has {O} output{'s' * (O > 1)}",
            f"{name}, whose targets are {got}",
            "Save the targets so; for another loss, bptt.diagnose in Python takes the model itself.",
        )  # fmt: skip
    if outputs > O:
        raise OptionError(
            "data", f"classes from 0 to {O - 1}, for the model has {O} outputs",
            f"{name}, which has {outputs} classes", "Number the classes as in training.",
        )  # fmt: skip
    return Network(network.body, network.W_O, network.b_O, loss, at)


def _read(data: Data) -> str:
    """What was read of a file, in brackets: a column may have been left out."""
    return f" ({data.description})" if isinstance(data, Series) and data.description else ""


def with_readout_for(network: Network, data: Data, seed: int) -> Network:
    """The network with a readout drawn for the outputs of the data.

    Args:
        network: whose readout is none of its own.
        data: what it is to read.
        seed: of the readout.
    """
    outputs = wanted(data)[1]
    W_O, b_O = readout_weights(network.stack.outputs, outputs, seed, network.stack.dtype)
    return Network(network.body, W_O, b_O, network.loss, network.loss_at)


def wanted(data: Data) -> tuple[int, int, Any, Any]:
    """(inputs, outputs, loss, loss_at) of a network that reads the data."""
    if isinstance(data, Text):
        size = len(data.characters)
        return size, size, "cross_entropy", "every"
    return data.inputs, data.outputs, data.loss, data.loss_at


def noise_for(network: Network, length: int = 100, loss_at: str | None = None) -> Task:
    """Noise of the model's inputs, with targets of its outputs: classes or numbers, nothing to learn.

    Args:
        network: the model.
        length: T.
        loss_at: "last" or "every" step; None for the model's own.

    Raises:
        OptionError: if the length is no whole number from 2, or the loss is taken elsewhere.
    """
    I, O = network.stack.inputs, len(network.b_O)
    at: Any = network.loss_at if loss_at is None else loss_at
    plain = noise(length, I, at if isinstance(at, str) else "every")
    steps, T = steps_of(at, plain.steps), plain.steps
    classes = network.loss == "cross_entropy"

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        x = rng.standard_normal((T, sequences, I), np.float32)
        shape = (sequences,) if at == "last" else (len(steps), sequences)
        if classes:
            return x, rng.integers(O, size=shape)
        return x, rng.standard_normal((*shape, O), np.float32)

    return replace(
        plain, outputs=O, loss=network.loss, loss_at=at, draw=draw,
        baseline=float(np.log(O)) if classes else 1.0, solved=1.0 if classes else 0.0,
        at=lambda T: noise_for(network, T, loss_at),
    )  # fmt: skip
