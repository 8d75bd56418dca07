r"""The gradient by the step at which the weight acts: one backward pass, any length.

    dW_R = Σ_s C_s,    C_s = dz_sᵀ h_{s-1}

dz_s is the total error at step s, of all losses from there on. For sequences too long to split by lag this
says which stretch of the sequence moves the weights; it does not say from how far ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.gradients.sums import sizes_of_sums
from bptt.layers import StackTrace, Trace
from bptt.layers.descent import ARRAYS, descend
from bptt.layers.immediate import state_errors
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.timeline import Timeline
from bptt.layers.trace import STRETCH


@dataclass(frozen=True, eq=False)
class StepProfile:
    """dW_R = Σ_s C_s, step by step.

    Attributes:
        norm: (T,) ‖C_s‖_F.
        share: (T,) signed share ⟨C_s, dW_R⟩ / ‖dW_R‖²; all steps together give 1.
        dW_R: (G·H, H) the whole gradient.
        immediate: (T,) RMS over sequences of ‖∂⁺E/∂h_s‖: what reaches the state other than through the
            layer's own recurrence. It is what ``out.retain_grad()`` shows in PyTorch.
        total: (T,) the same of ‖dE/dh_s‖, with what all later steps send back.
    """

    norm: Array
    share: Array
    dW_R: Array
    immediate: Array
    total: Array


@overload
def by_step(trace: Trace, dh: Any) -> StepProfile: ...


@overload
def by_step(trace: StackTrace, dh: Any) -> list[StepProfile]: ...


def by_step(trace: Trace | StackTrace, dh: Any) -> StepProfile | list[StepProfile]:
    """Split dW_R by the step at which the weight acts.

    Args:
        trace: from ``layer.forward`` or ``stack.forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t on the top layer's states.

    Returns:
        a ``StepProfile``; for a stack a list of them, one per layer as in ``stack.names``. A backward
        layer's steps are in its own order: step 0 is its sequence's last.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.

    >>> import numpy as np, bptt
    >>> layer = bptt.GRU.init(3, 8, rng=0, dtype="float64")
    >>> trace = layer.forward(np.ones((1000, 2, 3)))
    >>> steps = bptt.by_step(trace, np.ones((1000, 2, 8)))
    >>> steps.norm.shape, f"{steps.share.sum():.6f}"
    ((1000,), '1.000000')
    """
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the type it is infinite, or NaN
        if isinstance(trace, Trace):
            return _profile([_acting(0, trace, state_errors(trace, dh))[0]])
        layers = descend(trace, immediate_errors(trace, dh), ARRAYS, _acting)[0]
        # What a layer above sends down is immediate for the layer below.
        return [_profile([layer]) for layer in layers]


def linked_by_step(
    traces: Sequence[StackTrace],
    entering: Sequence[Sequence[Array]],
    immediate: Sequence[Sequence[Array]],
    members: Sequence[Sequence[tuple[int, int]]],
    timelines: Sequence[Timeline],
) -> list[StepProfile]:
    """The same of stacks that pass their states on to one another, in the order of time.

    Args:
        traces: their forward passes.
        entering: per stack and layer the errors of the states, with what arrived from elsewhere.
        immediate: per stack and layer the immediate ones alone.
        members: for each layer that is asked for, the (stack, layer) that share its weights.
        timelines: where each stack's columns stand in time.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        acting = [
            descend(trace, errors, ARRAYS, _acting)[0]
            for trace, errors in zip(traces, entering, strict=True)
        ]
        placed = [
            [
                layer.placed(arrives - own, timeline)
                for layer, arrives, own in zip(*of_stack, strict=True)
            ]
            for *of_stack, timeline in zip(acting, entering, immediate, timelines, strict=True)
        ]
        return [_profile([placed[stack][layer] for stack, layer in own]) for own in members]


@dataclass(frozen=True, eq=False)
class _Acting:
    """Where the weight acts, over 2^scale.

    Attributes:
        dz: (T, B, G·H) errors at what W_R multiplies.
        h_prev: (T, B, H) what it multiplied.
        immediate: (T, B, S) immediate errors of the states.
        total: (T, B, H) the whole ones.
        scale: of the errors, but for the immediate ones.
    """

    dz: Array
    h_prev: Array
    immediate: Array
    total: Array
    scale: int

    def placed(self, arrived: Array, timeline: Timeline) -> "_Acting":
        """The same in the order of time; what arrived from other columns is not immediate."""
        lay, immediate = timeline.lay, self.immediate - arrived
        return _Acting(lay(self.dz), lay(self.h_prev), lay(immediate), lay(self.total), self.scale)


def _acting(number: int, trace: Trace, d: Array) -> tuple[_Acting, Array]:
    """One layer from the errors of its states, and the errors of its inputs."""
    weights = trace.weights
    # Everything is linear in d: a power of two keeps what is carried back within the type's range.
    scale = int(np.frexp(np.abs(d).max())[1])
    scaled = np.ldexp(d, -scale)
    dz_R, dz_F, _ = kernels.backward(weights, scaled, *trace.part(), trace.kept())
    dx = kernels.affine(dz_F, weights.W_F)
    total = _total(trace, scaled, dz_R)
    # W_R may multiply two vectors in a step: a second one stands beside the first, as another sequence
    errors, h_prev = weights.cell.recurrent_rows(dz_R, trace.before()[0], trace.saved, axis=1)
    acting = _Acting(errors, h_prev, d, total, scale)
    return acting, np.ldexp(dx, scale)


def _profile(parts: list[_Acting]) -> StepProfile:
    """A layer's profile; the parts stand side by side, as sequences of one batch."""
    scale = max(part.scale for part in parts)
    dtype, H = parts[0].total.dtype, parts[0].h_prev.shape[2]
    T, B = max(len(part.dz) for part in parts), sum(part.dz.shape[1] for part in parts)
    rows = parts[0].dz.shape[2]
    # Some steps at a time: in float64 all of them would take more than everything else.
    size = max(1, int(STRETCH / (8 * B * rows)))
    stretches = [slice(first, min(first + size, T)) for first in range(0, T, size)]

    def acting(steps: slice) -> tuple[Array, Array]:
        """dz and h_prev of some steps, in float64."""
        dz = [np.ldexp(part.dz[steps].astype(np.float64), part.scale - scale) for part in parts]
        return beside(dz, steps), beside([part.h_prev[steps] for part in parts], steps)

    def beside(arrays: Sequence[Array], steps: slice) -> Array:
        N = steps.stop - steps.start
        whole = [np.pad(a, [(0, N - len(a)), (0, 0), (0, 0)]) if len(a) < N else a for a in arrays]
        return np.concatenate(whole, axis=1, dtype=np.float64)

    def rms(arrays: Sequence[Array]) -> Array:
        each = [_rms(beside([a[steps, :, :H] for a in arrays], steps)) for steps in stretches]
        return np.concatenate(each)

    dW_R, norm, along = np.zeros((rows, H)), np.empty(T), np.empty(T)
    for steps in stretches:
        dz, h_prev = acting(steps)
        kernels.outer(dz, h_prev, dW_R)
        (dz, e), (h_prev, e_h) = _ordinary(dz), _ordinary(h_prev)
        sizes = sizes_of_sums(dz.swapaxes(0, 1), h_prev.swapaxes(0, 1))
        norm[steps] = np.ldexp(sizes, e + e_h + scale)
    size = int(np.frexp(np.abs(dW_R).max())[1])
    whole = np.ldexp(dW_R, -size)
    square = np.square(whole).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        for steps in stretches:
            (dz, e), (h_prev, e_h) = (_ordinary(array) for array in acting(steps))
            part = np.einsum("tbg,tbg->t", dz, kernels.affine(h_prev, whole.T))
            along[steps] = np.ldexp(part / square, e + e_h - size)
    return StepProfile(
        norm=norm,
        share=along,
        dW_R=np.ldexp(dW_R, scale).astype(dtype),
        immediate=rms([part.immediate for part in parts]),
        total=np.ldexp(rms([np.ldexp(part.total, part.scale - scale) for part in parts]), scale),
    )


def _total(trace: Trace, d: Array, dz_R: Array) -> Array:
    """dE/dh of every step (T, B, H): the immediate part, what W_R sends back, and the carry of h."""
    cell, H = trace.weights.cell, trace.layer.hidden
    total, W_R, keep = d[..., :H].copy(), trace.weights.W_R, trace.keep
    if cell.through is None:
        back = kernels.affine(dz_R, W_R)
    else:
        back = cell.through(dz_R, trace.linearised(), W_R, 0)
    if keep is not None:
        back *= keep[..., None]
    total[:-1] += back[1:]
    if cell.carry_gate is not None and cell.states == ("h",):  # an LSTM carries c, and h not at all
        carry = trace.gate(cell.carry_gate)
        if keep is not None:
            carry = carry * keep[..., None]
        for t in reversed(range(len(total) - 1)):
            total[t] += total[t + 1] * carry[t + 1]
    return total


def _ordinary(rows: Array) -> tuple[Array, Array]:
    """(T, B, ·) each step over a power of two of its own, so that squares fit, and (T,) the exponents."""
    e = np.frexp(np.abs(rows).max((1, 2), initial=0))[1]
    return np.ldexp(rows, -e[:, None, None]), e


def _rms(d: Array) -> Array:
    """(T,) root mean square over sequences of ‖d‖."""
    scaled, e = _ordinary(d.astype(np.float64))
    return np.asarray(np.ldexp(np.sqrt(np.square(scaled).sum(-1).mean(-1)), e))
