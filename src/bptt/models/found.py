"""What a file from elsewhere holds: a network, and what is said of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.errors import BpttError, FileError
from bptt.layers.levels import Level
from bptt.layers.stack import Stack
from bptt.models.state_dict import Parts
from bptt.network import LossName, Network
from bptt.network.losses import LossAt

ITSELF = "bptt.diagnose in Python measures the same model written in PyTorch."
OUTPUTS = ("linear", "softmax", "sigmoid")  # of a readout; the logarithm of softmax is softmax here


@dataclass(frozen=True, eq=False)
class Readout:
    """What makes outputs of the states at the top.

    Attributes:
        name: as the file has it.
        W: (O, H).
        b: (O,).
        activation: one of ``OUTPUTS``.
        logits: whether linear outputs are the logits of classes; else they are numbers.
    """

    name: str
    W: Array
    b: Array
    activation: str = "linear"
    logits: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """A network that another program saved.

    Attributes:
        network: the model.
        parts: the names of what makes it.
        facts: (name, value) pairs of what the file says beside it.
        writer: which program's file it is.
    """

    network: Network
    parts: Parts
    facts: tuple[tuple[str, str], ...]
    writer: str


@contextmanager
def whole(path: str, what: str, cure: str) -> Iterator[None]:
    """Read a file within this: where its parts make no sense together, it is damaged.

    Args:
        path: of the file.
        what: it should be.
        cure: how to get one that is whole.

    Raises:
        FileError: in the place of what a damaged file leads to, which has as many forms as there are bytes.
    """
    try:
        yield
    except BpttError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise FileError(path, what, f"one that is damaged ({why})", cure) from error


def network_of(path: str, levels: list[Level], readout: Readout, loss_at: LossAt) -> Network:
    """The network of some levels and a readout.

    One output through the logistic function is the probability of the second of two classes:
    σ(o) = softmax(0, o), so that its cross-entropy is that of two outputs, the first of them zero.

    Args:
        path: of the file, for the errors.
        levels: bottom first.
        readout: of the states at the top.
        loss_at: "every" step or the "last".

    Raises:
        FileError: if the readout does not fit the states, or squashes its outputs otherwise.
        ShapeError, DTypeError, NonFiniteError: if the weights make no network.
    """
    W, b, outputs = readout.W, readout.b, len(readout.W)
    one = outputs == 1
    if readout.activation not in OUTPUTS or (readout.activation == "sigmoid") > one:
        several = f" of {outputs} outputs" * (readout.activation == "sigmoid")
        raise FileError(
            path, f"a linear readout in {readout.name!r}, with softmax, or with sigmoid for one output",
            f"{readout.activation}{several}", ITSELF,
        )  # fmt: skip
    body = Stack(levels)
    if W.shape[1] != body.outputs:
        raise FileError(
            path, f"{readout.name!r} to read the {body.outputs} states at the top", f"{W.shape[1]} numbers", ITSELF,
        )  # fmt: skip
    classes = readout.activation != "linear" or readout.logits
    if classes and one:
        W, b = np.concatenate([np.zeros_like(W), W]), np.concatenate([np.zeros_like(b), b])
    loss: LossName = "cross_entropy" if classes else "mse"
    return Network(levels[0] if len(levels) == 1 else body, W, b, loss, loss_at)


def shortened(names: tuple[str, ...]) -> str:
    """The first four of some names, and how many more there are.

    >>> shortened(("a", "b", "c", "d", "e", "f"))
    'a, b, c, d and 2 more'
    """
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
