"""What a forward pass leaves behind, and what a backward pass gives."""

from dataclasses import dataclass, field, replace

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.cells import Derivatives, Weights
from bptt.errors import OptionError
from bptt.layers.parameters import Parameters

STRETCH = 4e6  # bytes of errors that a backward pass holds at once: what lies near the processor


@dataclass(frozen=True, eq=False)
class Trace:
    """One layer over one batch.

    Attributes:
        layer: the layer that made it.
        weights: that the states were computed with.
        fingerprint: of the weights, as they were then.
        x: (T, B, I) inputs; zero behind a sequence's end.
        saved: (T, B, ·) what the way back needs: z of an RNN, the gates of an LSTM or GRU.
        states: (h,) or (h, c), each (T+1, B, H).
        lengths: (B,) steps of each sequence, or None where all have T.
        resets: (T, B) True where a step started from zero, or None.
    """

    layer: Parameters
    weights: Weights
    fingerprint: tuple[float, ...]
    x: Array
    saved: Array
    states: tuple[Array, ...]
    lengths: Array | None = None
    resets: Array | None = None

    @property
    def h(self) -> Array:
        """(T+1, B, H) states; ``h[0]`` is the initial one, ``h[t+1]`` belongs to ``x[t]``."""
        return self.states[0]

    @property
    def c(self) -> Array:
        """(T+1, B, H) cell states of an LSTM."""
        return self.states[1]

    @property
    def z(self) -> Array:
        """(T, B, H) pre-activations of an RNN; the gates of a gated cell."""
        return self.saved

    @property
    def keep(self) -> Array | None:
        """(T, B) False where a step started from zero, or None."""
        return None if self.resets is None else ~self.resets

    def gate(self, name: str) -> Array:
        """(T, B, H) a gate's activity at every step, by its symbol; a view."""
        return self.saved[..., self.weights.cell.saved_block(name, self.layer.hidden)]

    def before(self, first: int = 0, last: int | None = None) -> tuple[Array, ...]:
        """The states that steps first .. last-1 started from: zero after a reset."""
        last = len(self.x) if last is None else last
        states = tuple(state[first:last] for state in self.states)
        if self.resets is None:
            return states
        return tuple(np.where(self.resets[first:last, :, None], 0, state) for state in states)

    def linearised(self, first: int = 0, last: int | None = None) -> Derivatives:
        """Derivatives of steps first .. last-1; see ``Cell.linearise``.

        Raises:
            OptionError: if the weights were changed in place since the forward pass.
        """
        check_weights(self.weights, self.fingerprint)
        return kernels.linearised(self.weights, *self.part(first, last), self.kept(first, last))

    def part(self, first: int = 0, last: int | None = None) -> tuple[Array, tuple[Array, ...]]:
        """``saved`` of steps first .. last-1, and the states from the one before them on."""
        last = len(self.x) if last is None else last
        return self.saved[first:last], tuple(state[first : last + 1] for state in self.states)

    @property
    def stretch(self) -> int:
        """How many steps a backward pass takes at a time."""
        bytes_per_step = self.x.shape[1] * len(self.weights.W_R) * self.x.dtype.itemsize
        return max(1, int(STRETCH / bytes_per_step))

    def kept(self, first: int = 0, last: int | None = None) -> Array | None:
        """``keep`` of steps first .. last-1."""
        return None if self.resets is None else ~self.resets[first:last]


def check_weights(weights: Weights, fingerprint: tuple[float, ...]) -> None:
    """Refuse a trace whose weights were written over: its states no longer go with them.

    Raises:
        OptionError: if an array has changed since the forward pass.
    """
    if weights.fingerprint() != fingerprint:
        raise OptionError(
            "trace", "weights as they were in its forward pass", "weights changed in place since",
            "Run forward again, or change a copy of the layer.",
        )  # fmt: skip


def sequences_of(trace: Trace, columns: Array) -> Trace:
    """Some sequences of the batch."""
    return replace(
        trace,
        x=trace.x.take(columns, 1),  # in line, which an index would not leave it
        saved=trace.saved.take(columns, 1),
        states=tuple(state.take(columns, 1) for state in trace.states),
        lengths=None if trace.lengths is None else trace.lengths[columns],
        resets=None if trace.resets is None else trace.resets.take(columns, 1),
    )


@dataclass(frozen=True, eq=False)
class Grads:
    """The gradient of the error E; each has the shape of what it is the derivative by.

    Attributes:
        dW_F: (G·H, I).
        dW_R: (G·H, H).
        db: (G·H,).
        dx: (T, B, I); None where the inputs came as integers.
        dh0: (B, H).
        dc0: (B, H) of an LSTM, else None.
        recurrent_biases: by the names of the recurrent biases that stand apart, (H,) each: "b_Rn" of a GRU.
    """

    dW_F: Array
    dW_R: Array
    db: Array
    dx: Array | None
    dh0: Array
    dc0: Array | None = None
    recurrent_biases: dict[str, Array] = field(default_factory=dict)

    @property
    def db_Rn(self) -> Array | None:
        """(H,) of a GRU, else None."""
        return self.recurrent_biases.get("b_Rn")

    def parameters(self) -> dict[str, Array]:
        """By the parameters' names."""
        return {"W_F": self.dW_F, "W_R": self.dW_R, "b": self.db, **self.recurrent_biases}

    def states(self) -> dict[str, Array]:
        """By the initial states' names."""
        return {"h0": self.dh0} if self.dc0 is None else {"h0": self.dh0, "c0": self.dc0}
