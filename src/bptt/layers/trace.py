"""What a forward pass leaves behind, and what a backward pass gives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bptt import kernels
from bptt.arrays import Array

if TYPE_CHECKING:
    from bptt.layers.layer import Layer


STRETCH = 4e6  # bytes of errors that a backward pass holds at once: what lies near the processor


@dataclass(frozen=True, eq=False)
class Trace:
    """One layer over one batch.

    Attributes:
        layer: the layer that made it.
        x: (T, B, I) inputs; zero behind a sequence's end.
        saved: (T, B, ·) what the way back needs: z of an RNN, the gates of an LSTM or GRU.
        states: (h,) or (h, c), each (T+1, B, H).
        lengths: (B,) steps of each sequence, or None where all have T.
        resets: (T, B) True where a step started from zero, or None.
    """

    layer: "Layer"
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

    def before(self, first: int = 0, last: int | None = None) -> tuple[Array, ...]:
        """The states that steps first .. last-1 started from: zero after a reset."""
        last = len(self.x) if last is None else last
        states = tuple(state[first:last] for state in self.states)
        if self.resets is None:
            return states
        return tuple(np.where(self.resets[first:last, :, None], 0, state) for state in states)

    def local(self, first: int = 0, last: int | None = None) -> tuple[Array, ...]:
        """Derivatives of steps first .. last-1; see ``cells.rnn.local``."""
        layer = self.layer
        return kernels.local(
            layer.cell, *self.part(first, last), layer.extra, self.kept(first, last)
        )

    def part(self, first: int = 0, last: int | None = None) -> tuple[Array, tuple[Array, ...]]:
        """``saved`` of steps first .. last-1, and the states from the one before them on."""
        last = len(self.x) if last is None else last
        return self.saved[first:last], tuple(state[first : last + 1] for state in self.states)

    @property
    def stretch(self) -> int:
        """How many steps a backward pass takes at a time."""
        bytes_per_step = self.x.shape[1] * len(self.layer.W_R) * self.layer.dtype.itemsize
        return max(1, int(STRETCH / bytes_per_step))

    def kept(self, first: int = 0, last: int | None = None) -> Array | None:
        """``keep`` of steps first .. last-1."""
        return None if self.resets is None else ~self.resets[first:last]


@dataclass(frozen=True, eq=False)
class Grads:
    """The gradient of the error E; each has the shape of what it is the derivative by.

    Attributes:
        dW_F: (G·H, I).
        dW_R: (G·H, H).
        db: (G·H,).
        dx: (T, B, I).
        dh0: (B, H).
        dc0: (B, H) of an LSTM, else None.
        db_Rn: (H,) of a GRU, else None.
    """

    dW_F: Array
    dW_R: Array
    db: Array
    dx: Array
    dh0: Array
    dc0: Array | None = None
    db_Rn: Array | None = None

    def parameters(self) -> dict[str, Array]:
        """By the parameters' names."""
        named = {"W_F": self.dW_F, "W_R": self.dW_R, "b": self.db}
        return named if self.db_Rn is None else named | {"b_Rn": self.db_Rn}

    def states(self) -> dict[str, Array]:
        """By the initial states' names."""
        return {"h0": self.dh0} if self.dc0 is None else {"h0": self.dh0, "c0": self.dc0}
