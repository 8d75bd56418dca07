r"""The whole network of the lecture: recurrent layers, a readout and a loss.

    h_t = recurrent(x_t, h_{t-1})       o_t = W_O h_t + b_O       E = mean_t E_t(o_t)

The loss is taken at every step, at some steps, or at the last: each sequence's own last step where they
differ in length, and where a level runs both ways, the last state of either direction.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bptt import files, kernels
from bptt.arrays import Array, as_floats, as_kind, as_whole
from bptt.cells.activations import Activation, Pair
from bptt.cells.initialise import random_generator, readout_weights
from bptt.errors import OptionError
from bptt.layers import Bidirectional, Layer, Stack
from bptt.layers.build import build, described, named_tensors, rebuilt
from bptt.layers.sequences import inside
from bptt.network.losses import LOSSES, LossAt, as_loss_at, as_targets, loss_where, steps_of
from bptt.network.run import Run, immediate_at_top, top_traces

LossName = Literal["cross_entropy", "mse"]
Body = Layer | Bidirectional | Stack


class Network:
    """Recurrent layers with a linear readout and a loss.

    Args:
        body: a layer, a ``Bidirectional`` pair or a ``Stack``.
        W_O: (O, H) weights of the readout, H what the top level hands up.
        b_O: (O,) its bias.
        loss: "cross_entropy" over classes or "mse".
        loss_at: "every" step, the "last", or a list of steps counted from 0.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if W_O or b_O do not fit the body.
        OptionError: if the body, the loss or ``loss_at`` is not one of those.

    >>> import numpy as np, bptt
    >>> net = bptt.Network.init(inputs=2, hidden=4, outputs=3, rng=0, dtype="float64")
    >>> x, targets = np.ones((5, 1, 2)), np.zeros((5, 1), int)
    >>> run = net.run(x, targets)
    >>> sorted(net.backward(run))
    ['W_F', 'W_O', 'W_R', 'b', 'b_O', 'h0']
    """

    body: Body
    stack: Stack
    W_O: Array
    b_O: Array
    loss: LossName
    loss_at: LossAt

    def __init__(
        self,
        body: Body,
        W_O: Any,
        b_O: Any,
        loss: LossName = "cross_entropy",
        loss_at: LossAt = "every",
    ) -> None:
        stack = body if isinstance(body, Stack) else Stack([body])
        self.__dict__.update(
            body=body, stack=stack, W_O=as_floats("W_O", W_O, ("O", stack.outputs), stack.dtype)
        )
        self.b_O, self.loss, self.loss_at = b_O, loss, loss_at

    def __setattr__(self, name: str, value: Any) -> None:
        """Check what is assigned as if the network were made of it.

        Raises:
            ShapeError, DTypeError, NonFiniteError: if an array does not fit.
            OptionError: if it is not W_O, b_O, loss or loss_at, or outside its choices.
        """
        outputs, dtype = len(self.W_O), self.stack.dtype
        if name == "W_O":
            value = as_floats("W_O", value, (outputs, self.stack.outputs), dtype)
        elif name == "b_O":
            value = as_floats("b_O", value, (outputs,), dtype)
        elif name == "loss":
            if not isinstance(value, str) or value not in LOSSES:
                raise OptionError("loss", "one of " + ", ".join(LOSSES), repr(value), "Choose one.")
        elif name == "loss_at":
            value = as_loss_at(value)
        else:
            raise OptionError(
                name, "W_O, b_O, loss or loss_at", "another name",
                "Make another network, or assign the parameters of a layer.",
            )  # fmt: skip
        self.__dict__[name] = value

    @classmethod
    def init(
        cls,
        inputs: int,
        hidden: int,
        outputs: int,
        scheme: str = "pytorch",
        *,
        cell: str = "rnn",
        layers: int = 1,
        bidirectional: bool = False,
        activation: str | Pair | Activation = "tanh",
        gain: float = 1.0,
        loss: LossName = "cross_entropy",
        loss_at: LossAt = "every",
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> "Network":
        """A network with fresh weights.

        Args:
            inputs: I, size of x_t.
            hidden: H, units of each layer.
            outputs: O, size of the readout.
            scheme: as for ``RNN.init``.
            cell: "rnn", "lstm", "gru" or "cho_gru".
            layers: how many levels.
            bidirectional: whether each level runs both ways.
            activation: of an RNN.
            gain: multiplies W_R.
            loss: as for the class.
            loss_at: as for the class.
            rng: a seed or a ``numpy.random.Generator``.
            dtype: float32 or float64.

        Raises:
            OptionError: if one of them is outside its choices.
        """
        generator, hidden = random_generator(rng), as_whole("hidden", hidden, least=1)
        if not isinstance(bidirectional, bool | np.bool_):
            raise OptionError("bidirectional", "True or False", repr(bidirectional), "Choose one.")
        body = build(
            cell, inputs, hidden, layers, bidirectional, scheme, activation, gain, generator, dtype
        )
        size = hidden * (1 + bidirectional)
        return cls(body, *readout_weights(size, outputs, generator, dtype), loss, loss_at)

    @property
    def layer(self) -> Layer:
        """The recurrent layer; of several the lowest."""
        return self.stack.layers[0]

    def parameters(self) -> dict[str, Array]:
        """The weights by name; the arrays themselves, so that an optimiser can change them.

        "W_R" where there is one layer, else "lstm.0.W_R" by the names of ``stack.names``.
        """
        return named_tensors(self.stack) | {"W_O": self.W_O, "b_O": self.b_O}

    def copy(self) -> "Network":
        """The same network with weights of its own."""
        return Network(self.body.copy(), self.W_O.copy(), self.b_O.copy(), self.loss, self.loss_at)

    def loss_steps(self, T: int) -> Array:
        """(N,) the steps of a sequence of T at which the loss is taken; see ``bptt.network.losses``."""
        return steps_of(self.loss_at, T)

    def run(
        self,
        x: Any,
        targets: Any,
        h0: Any = None,
        *,
        c0: Any = None,
        lengths: Any = None,
        resets: Any = None,
    ) -> Run:
        """Forward over a batch, with the loss.

        Args:
            x: (T, B, I) inputs, or (T, B) integers as for a layer.
            targets: (N, B) class labels for cross-entropy, (N, B, O) numbers for mse, where N is
                the number of loss steps; the step's axis may be left out where N is 1. Behind a
                sequence's end they are not read.
            h0: (B, H) initial state, or one per layer; zeros if not given.
            c0: the same for LSTM cell states.
            lengths: (B,) steps of each sequence of a padded batch.
            resets: (T, B) True where a new episode starts.

        Raises:
            ShapeError, DTypeError, NonFiniteError, OptionError: if one does not fit.
        """
        h0, c0 = ((v if v is None or self.body is self.stack else [v]) for v in (h0, c0))
        if isinstance(self.body, Bidirectional):
            h0, c0 = (v if v is None else v[0] for v in (h0, c0))
        trace = self.stack.forward(x, h0, c0, lengths=lengths, resets=resets)
        T, B, _ = trace.traces[0].x.shape
        steps, lengths = self.loss_steps(T), trace.traces[0].lengths
        counted = None if lengths is None else inside(lengths, T)[steps]
        if self.loss_at == "last":
            counted, h = None, np.concatenate([t.h[-1:] for t in top_traces(trace)], axis=2)
        else:
            h = trace.outputs[steps]
        if counted is not None and not counted.any():
            raise OptionError(
                "loss_at", "a step within the sequences", f"steps {steps.tolist()}",
                "Every sequence ends before the first of them.",
            )  # fmt: skip
        targets = as_targets(
            self.loss, targets, (len(steps), B, len(self.b_O)), self.stack.dtype, counted
        )
        o = kernels.affine(h, self.W_O.T, self.b_O)
        E, do = loss_where(self.loss, o, targets, counted)
        at_readout = kernels.affine(do, self.W_O)
        dh = immediate_at_top(trace, self.loss_at, steps, at_readout)
        return Run(self, trace, steps, o, E, do, h, dh)

    def backward(self, run: Run) -> dict[str, Array]:
        """The gradient of E by every parameter, and by the initial states "h0" (and "c0") (Q2).

        Args:
            run: from this network's ``run``.

        Raises:
            OptionError: if another network made the run, or its recurrent weights were changed in place since.
        """
        as_kind(
            "run", run, Run, "what this network's run returned", "Pass network.run(x, targets)."
        )
        if run.network is not self:
            raise OptionError(
                "run", "one that this network made", "another network's",
                "Call backward of the network that made it, run.network.",
            )  # fmt: skip
        grads = self.stack.backward(run.stack_trace, run.dh).layers
        gradient = named_tensors(self.stack, [g.parameters() for g in grads])
        gradient |= {"W_O": kernels.outer(run.do, run.h), "b_O": run.do.sum((0, 1))}
        return gradient | named_tensors(self.stack, [g.states() for g in grads])

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
        at = self.loss_at if isinstance(self.loss_at, str) else ",".join(map(str, self.loss_at))
        return {
            "format": "bptt network 1",
            "levels": described(self.stack),
            "loss": self.loss,
            "loss_at": at,
        }

    @classmethod
    def load(cls, path: str | Path) -> "tuple[Network, dict[str, str]]":
        """A saved network and its notes.

        Raises:
            FileError: if the file is not a network that ``save`` wrote.
            ShapeError, DTypeError, NonFiniteError: if its arrays do not make a network.
        """
        return cls.of_tensors(path, *files.read_tensors(path))

    @classmethod
    def of_tensors(
        cls, path: str | Path, tensors: dict[str, Array], notes: dict[str, str]
    ) -> "tuple[Network, dict[str, str]]":
        """The network in a file's arrays.

        Args:
            path: of the file, for the errors.
            tensors: its arrays by name.
            notes: its notes by name.

        Raises:
            FileError: if arrays or notes are missing, or the notes make no sense.
        """
        files.check_names(path, tensors, ("W_O", "b_O"), "a network saved by bptt")
        files.check_names(path, notes, ("levels", "loss", "loss_at"), "a network saved by bptt")
        at: Any = notes["loss_at"]
        if at not in ("every", "last"):
            at = files.parsed(path, "loss_at", lambda: [int(step) for step in at.split(",")])
        stack = rebuilt(path, notes["levels"], tensors)
        body = stack.levels[0] if len(stack.levels) == 1 else stack
        return cls(body, tensors["W_O"], tensors["b_O"], notes["loss"], at), notes  # type: ignore[arg-type]

    def __repr__(self) -> str:
        """The body, the outputs and the loss."""
        return (
            f"Network({self.body!r}, outputs={len(self.b_O)}, loss={self.loss!r}, "
            f"loss_at={self.loss_at!r})"
        )
