"""A recurrent layer: its parameters, and forward and backward over a sequence.

A layer is checked once, when it is made; a sequence when it comes in.
"""

from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array, as_floats, as_whole
from bptt.cells.activations import Activation, Pair
from bptt.cells.activations import activation as activation_of
from bptt.cells.initialise import recurrent_weights
from bptt.errors import OptionError
from bptt.kernels import OneHot
from bptt.layers.backward import backward
from bptt.layers.checkpoints import CheckpointedTrace
from bptt.layers.immediate import check_trace
from bptt.layers.inputs import as_inputs
from bptt.layers.parameters import TANH, Parameters
from bptt.layers.sequences import as_lengths, as_resets, inside
from bptt.layers.steps import run_steps
from bptt.layers.trace import Grads, Trace


class Layer(Parameters):
    """A layer of one kind of cell: the class of a cell of your own sets ``cell``.

    See ``Parameters`` for its arguments.
    """

    @classmethod
    def init(
        cls,
        inputs: int,
        hidden: int,
        scheme: str = "pytorch",
        *,
        activation: str | Pair | Activation = TANH,
        gain: float = 1.0,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> Self:
        """A layer with fresh weights; the scheme is drawn anew for each gate.

        Args:
            inputs: I, size of x_t.
            hidden: H, size of h_t.
            scheme: "pytorch", "glorot", "orthogonal", "identity" or "gaussian"; see
                ``bptt.cells.initialise``.
            activation: φ of an RNN: a name (``bptt.cells.activations.ACTIVATIONS``) or a pair of functions
                (φ, φ′) of z. An LSTM and a GRU have their own, tanh.
            gain: multiplies W_R.
            rng: a seed or a ``numpy.random.Generator``.
            dtype: float32 or float64.

        Raises:
            OptionError: if one of them is outside its choices.
        """
        arrays = recurrent_weights(cls.cell, inputs, hidden, scheme, gain, rng, dtype)
        if cls.cell.choose_phi:
            return cls(*arrays, activation=activation)
        if activation_of(activation) is not TANH:
            raise OptionError(
                "activation", f"tanh, which is the {cls.cell.name.upper()}'s own", repr(activation),
                "Leave it out, or use a plain RNN.",
            )  # fmt: skip
        return cls(*arrays)

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
            x: (T, B, I) inputs, time first; or (T, B) integers from 0 to I - 1, as ``torch.nn.Embedding`` takes
                them, each for the input that is 1 while the others are 0.
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
        x = as_inputs(x, self.inputs, self.dtype, lengths)
        T, B, _ = x.shape
        lengths, resets = as_lengths(lengths, T, B), as_resets(resets, T, B)
        if lengths is not None:
            real = inside(lengths, T)
            x = x.without(~real) if isinstance(x, OneHot) else np.where(real[..., None], x, 0)
        state0 = self.initial_state(B, h0, c0)
        if checkpoint_every is not None:
            every = as_whole(
                "checkpoint_every", checkpoint_every, least=1, cure="About √T holds the least."
            )
            return CheckpointedTrace.of(self, x, state0, every, lengths, resets)
        weights = self.weights
        saved, states = run_steps(weights, x, state0, lengths, resets)
        return Trace(self, weights, weights.fingerprint(), x, saved, states, lengths, resets)

    def initial_state(self, B: int, h0: Any, c0: Any) -> tuple[Array, ...]:
        """(h0,) or (h0, c0), checked; zeros where not given.

        Args:
            B: number of sequences.
            h0: (B, H) hidden state, or None.
            c0: (B, H) cell state of an LSTM, or None.

        Raises:
            ShapeError, DTypeError, NonFiniteError: if one is not (B, H) of the weights' type.
            OptionError: if c0 is given to a cell that has no cell state.
        """
        given = {"h0": h0, "c0": c0}
        if "c" not in self.cell.states:
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
            OptionError: if it is not zero behind a sequence's end, another layer made the trace, or the
                weights were changed in place since the forward pass.
        """
        check_trace(trace, Trace)
        if trace.layer is not self:
            raise OptionError(
                "trace", "one that this layer's forward made", "another layer's",
                "Call backward of the layer that made it, trace.layer.",
            )  # fmt: skip
        return backward(trace, dh)
