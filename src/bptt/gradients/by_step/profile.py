"""The profile of a layer by step, from where its weights act."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.gradients.by_lag.scaled import Scaled, Sizes
from bptt.gradients.by_step.acting import Acting
from bptt.gradients.sums import sizes_of_sums
from bptt.layers.trace import STRETCH

NONE = -(2**60)  # the exponent of nothing


@dataclass(frozen=True, eq=False)
class StepProfile:
    """dW_R = Σ_s C_s, step by step; 0 or infinite where a number lies beyond the range of float64.

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


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def profile_of(parts: Sequence[Acting]) -> StepProfile:
    """A layer's profile; the parts stand side by side, as sequences of one batch."""
    dz, e, h_prev = (_Beside([getattr(part, name) for part in parts]) for name in ("dz", "e", "h_prev"))  # fmt: skip
    (T, B, rows), H = dz.shape, h_prev.shape[2]
    size = max(1, int(STRETCH / (dz.dtype.itemsize * B * rows)))  # what lies near the processor
    stretches = [slice(first, min(first + size, T)) for first in range(0, T, size)]
    total, norm, along = Scaled.zeros((rows, H)), np.empty(T), np.empty(T)
    to_dz, to_h, top = (np.empty(shape, np.int64) for shape in ((T, B), (T, B), T))
    for steps in stretches:
        own, before = dz[steps], h_prev[steps]
        to_dz[steps], to_h[steps], top[steps] = _scales(own, e[steps], before)
        own, before = _by_sequence(own, to_dz[steps]), _by_sequence(before, to_h[steps])
        norm[steps] = np.ldexp(sizes_of_sums(own, before), top[steps])
        if (largest := int(top[steps].max())) == NONE:
            continue
        before *= _powers(top[steps] - largest, before.dtype)[:, None]
        total += Scaled(kernels.outer_in_double(own, before)[0], largest)
    size = int(np.frexp(np.abs(total.M).max())[1])
    whole = np.ldexp(total.M, -size)
    square, along_whole = np.square(whole).sum(), whole.T.astype(dz.dtype)
    for steps in stretches:
        of_whole = kernels.affine(_times(h_prev[steps], to_h[steps]), along_whole)
        part = np.einsum("tbg,tbg->tb", dz[steps], of_whole).astype(np.float64)
        part = np.ldexp(part, to_dz[steps]).sum(1)
        along[steps] = np.ldexp(part / square, top[steps] - size - total.e)
    return StepProfile(
        norm=norm,
        share=along,
        dW_R=total.value(dz.dtype),
        immediate=_rms([part.immediate for part in parts]),
        total=_rms([part.total for part in parts]),
    )


class _Beside:
    """Arrays (T, B, ...) beside one another along B, zero behind the end of each; some steps at a time."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self.arrays, one = arrays, arrays[0]
        T, B = max(len(array) for array in arrays), sum(array.shape[1] for array in arrays)
        self.shape, self.dtype = (T, B, *one.shape[2:]), one.dtype

    def __getitem__(self, steps: slice) -> Array:
        if len(self.arrays) == 1:
            return self.arrays[0][steps]
        some, N = [array[steps] for array in self.arrays], steps.stop - steps.start
        wide = [np.pad(a, [(0, N - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in some]
        return np.concatenate(wide, axis=1)


def _scales(dz: Array, e: Array, h_prev: Array) -> tuple[Array, Array, Array]:
    """What brings rows to about 1, and the largest products of each step with it.

    Args:
        dz: (N, B, G·H) errors over 2^e.
        e: (N, B) their exponents.
        h_prev: (N, B, H) what they meet.

    Returns:
        (N, B) exponents for dz, (N, B) for h_prev, and (N,) that of the product, ``NONE`` where there is none.
    """
    peaks = [
        np.abs(rows, out=kernels.empty(rows.shape, rows.dtype)).max(-1) for rows in (dz, h_prev)
    ]
    (e_dz, e_h), counts = (np.frexp(peak)[1] for peak in peaks), (peaks[0] > 0) & (peaks[1] > 0)
    # The largest product sets the scale; a row that meets a zero makes none.
    top = np.where(counts, e + e_dz + e_h, NONE).max(-1)
    return np.where(counts, e + e_h - top[:, None], 0), -e_h, top


def _by_sequence(rows: Array, e: Array) -> Array:
    """(B, N, ·) rows (N, B, ·) times 2^e, e (N, B)."""
    return _times(rows.swapaxes(0, 1), e.T)


def _times(rows: Array, e: Array) -> Array:
    """Rows times 2^e, one e for each."""
    out = kernels.empty(rows.shape, rows.dtype)
    if e.size and e.max() >= np.finfo(rows.dtype).maxexp:
        return np.ldexp(rows, e[..., None], out=out)
    return np.multiply(rows, _powers(e[..., None], rows.dtype), out=out)


def _powers(e: Array, dtype: np.dtype[np.floating]) -> Array:
    """2^e, zero where that is too small."""
    return np.ldexp(np.ones((), dtype), np.maximum(e, -5000))


def _rms(parts: Sequence[Sizes]) -> Array:
    """(T,) root mean square over sequences."""
    squares, e = (_Beside([getattr(part, name) for part in parts]) for name in ("squares", "e"))
    every = slice(0, squares.shape[0])
    s, exponents = squares[every], e[every]
    top = np.where(s > 0, exponents, NONE).max(-1)
    top = np.where(top == NONE, 0, top)
    scaled = np.ldexp(s, np.where(s > 0, 2 * (exponents - top[:, None]), 0))
    return np.asarray(np.ldexp(np.sqrt(scaled.mean(-1)), top))
