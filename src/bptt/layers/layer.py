"""What the three recurrent layers share: parameters, and the loops over a sequence around their cells.

A layer is checked once, when it is made; a sequence when it comes in.
"""

from types import ModuleType
from typing import Any, Self, overload

import numpy as np

from bptt import kernels
from bptt.arrays import Array, as_floats
from bptt.errors import OptionError, ShapeError
from bptt.kernels import before, empty
from bptt.layers.checkpoints import CheckpointedTrace, as_checkpoint_every
from bptt.layers.sequences import as_lengths, as_resets, inside
from bptt.layers.steps import run_steps
from bptt.layers.trace import Grads, Trace


class Layer:
    """What the three share: parameters, and the loops over a sequence around their cells.

    Attributes:
        W_F: (G·H, I) weights of the input; PyTorch's ``weight_ih_l0``.
        W_R: (G·H, H) recurrent weights; PyTorch's ``weight_hh_l0``.
        b: (G·H,) bias.
        cell: the cell's equations.
        extra: what the cell's step needs beside them.
    """

    cell: ModuleType
    kind: str
    extra: Any = None

    def __init__(self, W_F: Any, W_R: Any, b: Any) -> None:
        self.W_F = as_floats("W_F", W_F, ("G·H", "I"))
        rows, gates = len(self.W_F), self.cell.GATES
        if rows % gates:
            raise ShapeError(
                "W_F", f"{gates}·H rows, {gates} gates", f"{rows} rows",
                "RNN has 1 gate, GRU 3, LSTM 4: is it this kind of cell?",
            )  # fmt: skip
        self.W_R = as_floats("W_R", W_R, (rows, rows // gates), self.W_F.dtype)
        self.b = as_floats("b", b, (rows,), self.W_F.dtype)

    @property
    def inputs(self) -> int:
        """I, the size of x_t."""
        return int(self.W_F.shape[1])

    @property
    def hidden(self) -> int:
        """H, the size of h_t."""
        return int(self.W_R.shape[1])

    @property
    def state_size(self) -> int:
        """S, the size of the whole state: H, or 2H for [h; c]."""
        return int(self.cell.STATES) * self.hidden

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type everything is computed in: float32 or float64."""
        return self.W_R.dtype

    def parameters(self) -> dict[str, Array]:
        """The weights by name; the arrays themselves, not copies."""
        return {"W_F": self.W_F, "W_R": self.W_R, "b": self.b}

    def copy(self) -> Self:
        """The same layer with weights of its own."""
        return type(self)(*(value.copy() for value in self.parameters().values()))

    @overload
    def forward(
        self,
        x: Any,
        h0: Any = None,
        c0: Any = None,
        *,
        lengths: Any = None,
        resets: Any = None,
        checkpoint_every: None = None,
    ) -> Trace: ...

    @overload
    def forward(
        self,
        x: Any,
        h0: Any = None,
        c0: Any = None,
        *,
        lengths: Any = None,
        resets: Any = None,
        checkpoint_every: int,
    ) -> CheckpointedTrace: ...

    def forward(
        self,
        x: Any,
        h0: Any = None,
        c0: Any = None,
        *,
        lengths: Any = None,
        resets: Any = None,
        checkpoint_every: int | None = None,
    ) -> Trace | CheckpointedTrace:
        """The states over a sequence.

        Args:
            x: (T, B, I) inputs, time first.
            h0: (B, H) initial state; zeros if not given.
            c0: (B, H) initial cell state of an LSTM; zeros if not given.
            lengths: (B,) steps of each sequence of a padded batch; behind its end a state is held.
            resets: (T, B) True where a step starts from a zero state, a new episode of a stream.
            checkpoint_every: keep one state in so many steps, for sequences too long to keep all;
                ``backward`` makes the others again.

        Raises:
            ShapeError: if a shape does not fit.
            DTypeError: if a type is not that of the weights.
            NonFiniteError: if x or a state holds NaN or infinity, or the states grow beyond the type.
            OptionError: if a length lies outside the batch, c0 is given to a cell without one, or
                ``checkpoint_every`` is below 1.
        """
        x = as_floats("x", x, ("T", "B", self.inputs), self.dtype)
        T, B, _ = x.shape
        lengths, resets = as_lengths(lengths, T, B), as_resets(resets, T, B)
        if lengths is not None:
            x = np.where(inside(lengths, T)[..., None], x, 0)
        state0 = self.initial_state(B, h0, c0)
        if checkpoint_every is not None:
            every = as_checkpoint_every(checkpoint_every)
            return CheckpointedTrace.of(self, x, state0, every, lengths, resets)
        return Trace(self, x, *run_steps(self, x, state0, lengths, resets), lengths, resets)

    def initial_state(self, B: int, h0: Any, c0: Any) -> tuple[Array, ...]:
        """(h0,) or (h0, c0), checked; zeros where not given.

        Raises:
            ShapeError, DTypeError, NonFiniteError: if one is not (B, H) of the weights' type.
            OptionError: if c0 is given to a cell that has no cell state.
        """
        given = {"h0": h0, "c0": c0}
        if self.cell.STATES == 1:
            del given["c0"]
            if c0 is not None:
                raise OptionError("c0", f"no c0 for {self.kind.upper()}", "one", "Leave it out.")
        shape = (B, self.hidden)
        return tuple(
            np.zeros(shape, self.dtype) if v is None else as_floats(k, v, shape, self.dtype)
            for k, v in given.items()
        )

    def backward(self, trace: Trace | CheckpointedTrace, dh: Any) -> Grads:
        r"""Reverse mode (Q2): backpropagation through time (Werbos 1990).

        The weight gradients are one matrix product each, after the loop:
        dW_R = Σ_t dz_tᵀ h_{t-1}, dW_F = Σ_t dz_tᵀ x_t, db = Σ_t dz_t, dx_t = dz_t W_F.

        Args:
            trace: from this layer's ``forward``.
            dh: (T, B, H) immediate gradient ∂⁺E/∂h_t of every step, or (T, B, 2H) for [h; c] of an
                LSTM whose loss sees the cell state too. Or a function that gives it for some
                neighbouring steps: called as dh(first, h) with the states h (n, B, H) of steps
                first .. first+n-1, the last ones first, so that a long sequence need never be
                held whole.

        Raises:
            ShapeError: if dh is not (T, B, H).
            DTypeError: if its type is not that of the weights.
            NonFiniteError: if it holds NaN or infinity.
            OptionError: if it is not zero behind a sequence's end.
        """
        T = len(trace.x)
        d = None if callable(dh) else self.checked_errors(trace, dh)
        keep = None if trace.resets is None else ~trace.resets
        dW_F, dW_R, db = (np.zeros_like(p) for p in (self.W_F, self.W_R, self.b))
        db_R, dx, carried = np.zeros_like(db), empty(trace.x.shape, self.dtype), None
        # Long sequences in stretches, from the end: the errors of all steps are never held at once.
        for first in reversed(range(0, T, trace.stretch)):
            last = min(first + trace.stretch, T)
            kept = None if keep is None else keep[first:last]
            saved, states = trace.part(first, last)
            here = (
                self.checked_errors(trace, dh(first, states[0][1:]), first, last)
                if d is None
                else d[first:last]
            )
            dz_R, dz_F, carried = kernels.backward(
                self.cell, here, saved, states, self.W_R, self.extra, kept, carried
            )
            kernels.outer(dz_F, trace.x[first:last], dW_F)
            kernels.outer(dz_R, before(states[0], kept), dW_R)
            db += dz_F.sum((0, 1))
            if self.kind == "gru":
                db_R += dz_R.sum((0, 1))
            dx[first:last] = kernels.affine(dz_F, self.W_F)
        assert carried is not None
        H = self.hidden
        return Grads(
            dW_F=dW_F,
            dW_R=dW_R,
            db=db,
            dx=dx,
            dh0=carried[:, :H],
            dc0=carried[:, H:] if self.cell.STATES == 2 else None,
            db_Rn=db_R[2 * H :] if self.kind == "gru" else None,
        )

    def checked_errors(
        self, trace: Trace | CheckpointedTrace, dh: Any, first: int = 0, last: int | None = None
    ) -> Array:
        """The immediate gradient of steps first .. last-1 as given, (·, B, H) or (·, B, S), checked.

        Raises:
            ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
            OptionError: if it is not zero behind a sequence's end.
        """
        T, B, _ = trace.x.shape
        H, S = self.hidden, self.state_size
        last = T if last is None else last
        whole = np.ndim(dh) == 3 and np.shape(dh)[2] == S
        d = as_floats("dh", dh, (last - first, B, S if whole else H), self.dtype)
        if trace.lengths is not None and d[~inside(trace.lengths, T)[first:last]].any():
            raise OptionError(
                "dh", "zeros behind the end of each sequence", "an error there",
                "No step belongs to it: give it to the sequence's last step.",
            )  # fmt: skip
        return d

    def state_errors(self, trace: Trace, dh: Any) -> Array:
        """The immediate gradient on the whole state, (T, B, S), checked; zero on c if only h is given.

        Raises:
            ShapeError, DTypeError, NonFiniteError, OptionError: as ``checked_errors``.
        """
        given = self.checked_errors(trace, dh)
        if given.shape[2] == self.state_size:
            return given
        d = np.zeros((*given.shape[:2], self.state_size), self.dtype)
        d[..., : self.hidden] = given
        return d

    def __repr__(self) -> str:
        """Sizes and type."""
        return (
            f"{type(self).__name__}(inputs={self.inputs}, hidden={self.hidden}, dtype={self.dtype})"
        )
