r"""The whole network of the lecture: a recurrent layer, a readout and a loss.

    h_t = φ(W_F x_t + W_R h_{t-1} + b)       o_t = W_O h_t + b_O       E = mean_t E_t(o_t)

The loss is taken at every step, at some steps, or at the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from bptt import files
from bptt.arrays import Array, as_classes, as_floats
from bptt.cells.activations import Activation, Pair
from bptt.cells.initialise import random_generator, readout_weights
from bptt.errors import FileError, OptionError, ShapeError
from bptt.layers import RNN, Trace
from bptt.losses import LOSSES

LossName = Literal["cross_entropy", "mse"]
LossAt = Literal["every", "last"] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Run:
    """A network on one batch, forward: states, outputs, error, and what the error sends back.

    Attributes:
        trace: the recurrent layer's forward pass.
        steps: (N,) the loss steps.
        o: (N, B, O) outputs at the loss steps.
        E: the error, a number.
        do: (N, B, O) ∂E/∂o.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t; zero where there is no loss.
    """

    trace: Trace
    steps: Array
    o: Array
    E: float
    do: Array
    dh: Array


class Network:
    """A recurrent layer with a linear readout and a loss.

    Args:
        layer: the recurrent layer.
        W_O: (O, H) weights of the readout.
        b_O: (O,) its bias.
        loss: "cross_entropy" over classes or "mse".
        loss_at: "every" step, the "last", or a list of steps counted from 0.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if W_O or b_O do not fit the layer.
        OptionError: if the loss or ``loss_at`` is not one of those.

    >>> import numpy as np, bptt
    >>> net = bptt.Network.init(inputs=2, hidden=4, outputs=3, rng=0, dtype="float64")
    >>> x, targets = np.ones((5, 1, 2)), np.zeros((5, 1), int)
    >>> run = net.run(x, targets)
    >>> sorted(net.backward(run))
    ['W_F', 'W_O', 'W_R', 'b', 'b_O', 'h0']
    """

    def __init__(
        self,
        layer: RNN,
        W_O: Any,
        b_O: Any,
        loss: LossName = "cross_entropy",
        loss_at: LossAt = "every",
    ) -> None:
        self.layer = layer
        self.W_O = as_floats("W_O", W_O, ("O", layer.hidden), layer.dtype)
        self.b_O = as_floats("b_O", b_O, (len(self.W_O),), layer.dtype)
        if loss not in LOSSES:
            raise OptionError("loss", "one of " + ", ".join(LOSSES), repr(loss), "Choose one.")
        self.loss: LossName = loss
        self.loss_at = loss_at if loss_at in ("every", "last") else _step_list(loss_at)

    @classmethod
    def init(
        cls,
        inputs: int,
        hidden: int,
        outputs: int,
        scheme: str = "pytorch",
        *,
        activation: str | Pair | Activation = "tanh",
        gain: float = 1.0,
        loss: LossName = "cross_entropy",
        loss_at: LossAt = "every",
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> Self:
        """A network with fresh weights; the arguments of ``RNN.init``, outputs and the loss.

        Raises:
            OptionError: if one of them is outside its choices.
        """
        generator = random_generator(rng)
        layer = RNN.init(
            inputs, hidden, scheme, activation=activation, gain=gain, rng=generator, dtype=dtype
        )
        return cls(layer, *readout_weights(hidden, outputs, generator, dtype), loss, loss_at)

    def parameters(self) -> dict[str, Array]:
        """The weights by name; the arrays themselves, so that an optimiser can change them."""
        return self.layer.parameters() | {"W_O": self.W_O, "b_O": self.b_O}

    def copy(self) -> "Network":
        """The same network with weights of its own."""
        p = {name: value.copy() for name, value in self.parameters().items()}
        layer = RNN(p["W_F"], p["W_R"], p["b"], self.layer.phi)
        return Network(layer, p["W_O"], p["b_O"], self.loss, self.loss_at)

    def loss_steps(self, T: int) -> Array:
        """(N,) the steps of a sequence of T at which the loss is taken.

        Raises:
            OptionError: if a step that was asked for lies outside 0 .. T-1.
        """
        if self.loss_at == "every":
            return np.arange(T)
        if self.loss_at == "last":
            return np.array([T - 1])
        steps = np.array(self.loss_at)
        if steps[-1] >= T:
            raise OptionError(
                "loss_at", f"steps from 0 to {T - 1}", str(steps[-1]), "Give longer sequences."
            )
        return steps

    def run(self, x: Any, targets: Any, h0: Any = None) -> Run:
        """Forward over a batch, with the loss.

        Args:
            x: (T, B, I) inputs.
            targets: (N, B) class labels for cross-entropy, (N, B, O) numbers for mse, where N is
                the number of loss steps; the step's axis may be left out where N is 1.
            h0: (B, H) initial state; zeros if not given.

        Raises:
            ShapeError, DTypeError, NonFiniteError, OptionError: if one does not fit.
        """
        trace = self.layer.forward(x, h0)
        T, B, H = trace.z.shape
        steps = self.loss_steps(T)
        targets = self._targets(targets, len(steps), B)
        h = trace.h[1:][steps]
        o = (h.reshape(-1, H) @ self.W_O.T + self.b_O).reshape(len(steps), B, -1)
        E, do = LOSSES[self.loss](o, targets)
        dh = np.zeros_like(trace.z)
        dh[steps] = (do.reshape(len(steps) * B, -1) @ self.W_O).reshape(h.shape)
        return Run(trace, steps, o, E, do, dh)

    def backward(self, run: Run) -> dict[str, Array]:
        """The gradient of E by every parameter and by the initial state "h0" (Q2)."""
        grads = self.layer.backward(run.trace, run.dh)
        do = run.do.reshape(-1, len(self.b_O))
        h = run.trace.h[1:][run.steps].reshape(len(do), -1)
        return {
            "W_F": grads.dW_F,
            "W_R": grads.dW_R,
            "b": grads.db,
            "W_O": do.T @ h,
            "b_O": do.sum(0),
            "h0": grads.dh0,
        }

    def save(self, path: str | Path, notes: dict[str, str] | None = None) -> Path:
        """Write the network as a safetensors file, with notes (text by name) of your own.

        Raises:
            FileError: if the activation is a pair of functions, which no file can hold, or the file
                cannot be written.
        """
        return files.write_tensors(path, self.parameters(), (notes or {}) | self.describe())

    def describe(self) -> dict[str, str]:
        """What a file says of a network beside its weights.

        Raises:
            FileError: if the activation is a pair of functions.
        """
        if self.layer.phi.name == "custom":
            raise FileError(
                "activation", "a built-in one, which a file can name", "a pair of functions",
                "Save network.parameters() yourself and rebuild the network in Python.",
            )  # fmt: skip
        at = self.loss_at if isinstance(self.loss_at, str) else ",".join(map(str, self.loss_at))
        return {
            "format": "bptt network 1",
            "cell": "rnn",
            "activation": self.layer.phi.name,
            "loss": self.loss,
            "loss_at": at,
        }

    @classmethod
    def load(cls, path: str | Path) -> tuple[Self, dict[str, str]]:
        """A saved network and its notes.

        Raises:
            FileError: if the file is not a network that ``save`` wrote.
            ShapeError, DTypeError, NonFiniteError: if its arrays do not make a network.
        """
        return cls.of_tensors(path, *files.read_tensors(path))

    @classmethod
    def of_tensors(
        cls, path: str | Path, tensors: dict[str, Array], notes: dict[str, str]
    ) -> tuple[Self, dict[str, str]]:
        """The network in a file's arrays; ``path`` is for the errors.

        Raises:
            FileError: if arrays or notes are missing.
        """
        p, n = tensors, notes
        missing = [k for k in ("W_F", "W_R", "b", "W_O", "b_O") if k not in p]
        missing += [k for k in ("activation", "loss", "loss_at") if k not in n]
        if missing:
            raise FileError(
                str(path), "a network saved by bptt", f"a file without {', '.join(missing)}",
                "Save the model with bptt train or network.save.",
            )  # fmt: skip
        at: Any = n["loss_at"]
        if at not in ("every", "last"):
            at = [int(step) for step in at.split(",")]
        layer = RNN(p["W_F"], p["W_R"], p["b"], n["activation"])
        return cls(layer, p["W_O"], p["b_O"], n["loss"], at), notes  # type: ignore[arg-type]

    def _targets(self, targets: Any, N: int, B: int) -> Array:
        O = len(self.b_O)
        if N == 1 and np.ndim(targets) == (1 if self.loss == "cross_entropy" else 2):
            targets = np.asarray(targets)[None]
        try:
            if self.loss == "cross_entropy":
                return as_classes("targets", targets, (N, B), O)
            return as_floats("targets", targets, (N, B, O), self.layer.dtype)
        except ShapeError as error:
            raise ShapeError(
                "targets", error.expected, error.got,
                f"One per loss step ({N} here: loss_at={self.loss_at!r}) and sequence.",
            ) from None  # fmt: skip

    def __repr__(self) -> str:
        """The layer, the outputs and the loss."""
        return (
            f"Network({self.layer!r}, outputs={len(self.b_O)}, loss={self.loss!r}, "
            f"loss_at={self.loss_at!r})"
        )


def _step_list(loss_at: Any) -> tuple[int, ...]:
    steps = np.asarray(loss_at)
    if steps.dtype.kind not in "iu" or steps.ndim != 1 or not len(steps) or steps.min() < 0:
        raise OptionError(
            "loss_at", '"every", "last" or a list of steps from 0', repr(loss_at),
            "For example loss_at=[9, 19].",
        )  # fmt: skip
    return tuple(int(step) for step in np.unique(steps))
