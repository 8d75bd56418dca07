r"""The error of the state by lag: of all loss steps together, one step further back each time.

    λ_{t-k-1} = ∂S_{t-k}/∂S_{t-k-1}ᵀ λ_{t-k}

A row of errors, of one loss step and one sequence, has an exponent of its own: it stands for λ 2^e, so that 1e-300 is as
good as 1, also in single precision. The row t stands at state t - k at lag k; it is worked on in place.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bptt.torch_models.scans.kinds import LinearRecurrence
from bptt.torch_models.scans.kinds.linear import Factors, Ready

LN2 = 0.6931471805599453
LN10 = 2.302585092994046
REACH = {
    torch.float64: 200,
    torch.complex128: 200,
}  # row norms are kept within 2^±REACH, else 2^±40


@dataclass(eq=False)
class Signals:
    """The error on the state by lag; K lags, T steps.

    Attributes:
        log10_signal: (K,) log10 of its RMS norm over the rows that reach that far back.
        log10_by_step: (T, K) the same by the step at which the error enters the state.
        gain: (K-1,) ln of the growth of the errors that take the step from lag k to k+1.
    """

    log10_signal: Tensor
    log10_by_step: Tensor
    gain: Tensor


def walk(
    recurrence: LinearRecurrence,
    ready: Ready,
    errors: Tensor,
    K: int,
    add: Callable[[int, Factors, int], None],
) -> Signals:
    """Carry errors back over K - 1 steps.

    Args:
        recurrence: of which kind the states are.
        ready: what it prepared from the states.
        errors: (B, T, *S) the immediate error at each of them; it is written over.
        K: lags to compute, 1 .. T.
        add: called with each lag, the gradient by each factor (B, T - k, ·) of the first T - k steps, and the exponent
            of all of it.
    """
    B, T = errors.shape[:2]
    reach = REACH.get(errors.dtype, 40)
    e = torch.zeros(B, T, dtype=torch.int32, device=errors.device)
    squares = _squares(errors)
    reached = squares > 0
    table = torch.full((T, K), -torch.inf, dtype=torch.float64, device=errors.device)
    signal, before, after = (
        torch.full((K,), -torch.inf, dtype=torch.float64, device=errors.device) for _ in range(3)
    )
    with torch.no_grad():
        for k in range(K):
            rows = errors[:, k:]
            if k:
                squares = _squares(rows)
            squares = _kept_in_range(rows, e[:, k:], squares, reach)
            ln = 0.5 * squares.double().log() + LN2 * e[:, k:].double()
            pairs = reached[:, k:].sum(0)
            of_steps = 0.5 * torch.logsumexp(2 * ln, 0)
            table[k:, k] = (of_steps - 0.5 * pairs.clamp(min=1).double().log()) / LN10
            after[k] = 0.5 * torch.logsumexp(2 * of_steps, 0)
            signal[k] = (after[k] - 0.5 * pairs.sum().clamp(min=1).double().log()) / LN10
            if k + 1 < T:
                before[k] = 0.5 * torch.logsumexp(2 * of_steps[1:], 0)
            live = squares > 0
            top = int(e[:, k:][live].max()) if bool(live.any()) else 0
            weight = two_to((e[:, k:] - top).clamp(-2000, 0), squares)
            add(k, recurrence.back(rows, weight, ready), top)
    gain = after[1:] - before[:-1]
    gain[(after[1:] == -torch.inf) & (before[:-1] == -torch.inf)] = torch.nan
    return Signals(signal, table, gain)


def all_lags(recurrence: LinearRecurrence, ready: Ready, errors: Tensor) -> Factors:
    """The gradient by each factor through the states, all lags together: an ordinary backward pass.

    Args:
        recurrence: of which kind the states are.
        ready: what it prepared from the states.
        errors: (B, T, *S) the immediate error at each of them.
    """
    B, T = errors.shape[:2]
    whole = carried(recurrence, ready, errors)
    ones = torch.ones(B, T, dtype=errors.real.dtype, device=errors.device)
    with torch.no_grad():
        return recurrence.back(whole, ones, ready)


def carried(recurrence: LinearRecurrence, ready: Ready, errors: Tensor) -> Tensor:
    """(B, T, *S) the whole error at each state: the immediate one, and what comes back through all later states.

    Args:
        recurrence: of which kind the states are.
        ready: what it prepared from the states.
        errors: (B, T, *S) the immediate error at each of them.
    """
    B, T = errors.shape[:2]
    whole = errors.clone()
    one = torch.ones(B, 1, dtype=errors.real.dtype, device=errors.device)
    with torch.no_grad():
        for t in range(T - 1, 0, -1):
            earlier = whole[:, t : t + 1].clone()
            recurrence.back(earlier, one, recurrence.ready_at(ready, slice(t, t + 1)))
            whole[:, t - 1 : t] += earlier
    return whole


def _squares(rows: Tensor) -> Tensor:
    """(B, n) the squared norm of each row."""
    flat = torch.view_as_real(rows).flatten(2) if rows.is_complex() else rows.flatten(2)
    norms: Tensor = torch.linalg.vector_norm(flat, dim=2)
    return norms.square()


def _kept_in_range(rows: Tensor, e: Tensor, squares: Tensor, reach: int) -> Tensor:
    """Bring rows back to about 1 that come near the end of their type; their squares then."""
    out = (squares > 2.0 ** (2 * reach)) | (squares < 2.0 ** (-2 * reach))
    if not bool(out.any()):
        return squares
    peak = rows.abs().flatten(2).amax(2)  # its square may have left the range
    out &= peak > 0
    if not bool(out.any()):
        return squares
    shift = torch.where(out, torch.frexp(peak)[1], 0).clamp(-3 * reach, 3 * reach).to(torch.int32)
    rows.mul_(two_to(-shift, squares).reshape(shift.shape + (1,) * (rows.dim() - 2)))
    e += shift
    return _squares(rows)


def two_to(e: Tensor, like: Tensor) -> Tensor:
    """2^e in the type of another tensor, 0 below its range: ``torch.ldexp`` goes by way of float32."""
    power: Tensor = torch.exp2(e.double()).to(like.dtype)
    return power
