"""What was taken apart, compared with autograd: the sum, and the gradient at every border between calls.

A sum that agrees does not prove the split: an error that a border cut off would be booked at lag 0 and the sum
would still agree. So the whole gradient at the states that every call was given is compared too; ``copies`` has the
split itself.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.errors import AgreementError
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_lag.linked import Swept
from bptt.presentation.formatting import counted
from bptt.torch_models.capture import Call, Captured, Start
from bptt.torch_models.capture.dependence import operations
from bptt.torch_models.convert import suffixes_of, to_numpy
from bptt.torch_models.replay import Replay
from bptt.torch_models.replay.links import entries_of, state_tensors

Members = Sequence[Sequence[tuple[int, int]]]


def check_sum(
    captured: Captured,
    replays: Sequence[Replay],
    members: Members,
    names: Sequence[str],
    profiles: Sequence[LagProfile],
) -> list[str]:
    """That the lags add up to autograd's gradient of the recurrent weights, in a sentence per layer.

    Args:
        captured: what autograd says.
        replays: the calls.
        members: for each layer, its (replay, layer).
        names: of the layers.
        profiles: theirs.

    Raises:
        AgreementError: if they do not.
    """
    sentences = []
    for own, name, profile in zip(members, names, profiles, strict=True):
        layer = own[0][1]
        first = replays[own[0][0]]
        calls = [call for n, _ in own for call in replays[n].strand.calls]
        weight = _named(calls[0], layer)
        per_layer = len(calls[0].shared) // len(calls[0].acting.per_layer)
        aliases = {
            id(call.shared[layer * per_layer + 1]): call.shared[layer * per_layer + 1]
            for call in calls
        }
        if first.theirs is None:
            expected = sum(
                (to_numpy(or_zero(captured.weights[key], W)) for key, W in aliases.items()),
                np.zeros(()),
            )
        else:
            expected = first.theirs[layer]
            weight = f"gradient by {weight.removesuffix('.grad')} of the same sequences"
        dW_R = profile.dW_R if first.whole is None else first.whole[layer]
        ours = unprojected(dW_R, first.projections[layer])
        if not np.isfinite(expected).all():
            lag = "" if profile.overflow_lag is None else f" from lag {profile.overflow_lag} on"
            sentences.append(
                f"{name}: autograd's {weight} is not finite; the parts leave the type{lag}."
            )
            continue
        largest = np.abs(expected).max()
        off = float(np.abs(ours - expected).max() / (largest or 1.0))
        if not off <= first.tolerance:
            raise AgreementError(
                name, f"lags that add up to autograd's {weight}, to {first.tolerance:g}",
                f"a difference of {off:.1e} of its largest entry",
                "Look for a weight or a state that changes on the way: nothing is judged.",
            )  # fmt: skip
        sentences.append(
            f"{name}: the lags add up to autograd's {weight}, to {off:.0e} of its largest entry."
        )
    return sentences


def _named(call: Call, layer: int) -> str:
    """The gradient that is compared with: of a parameter, or of what was made of one."""
    weight = "weight_hh" + suffixes_of(call.acting, call.is_cell)[layer]
    own = call.module is not None and weight in call.module._parameters
    return f"{weight}.grad" if own else f"gradient by {weight} as it acted"


def unprojected(dW_R: Array, W_hr: Array | None) -> Array:
    """From the gradient by W_hh W_hr, that is Σ dz ⊗ s, to that by W_hh, Σ dz ⊗ W_hr s."""
    return dW_R if W_hr is None else dW_R @ W_hr.T


def check_borders(captured: Captured, replays: Sequence[Replay], swept: Swept) -> list[str]:
    """That the whole gradient at the states that each call was given is autograd's.

    Args:
        captured: what autograd says.
        replays: the calls.
        swept: one backward pass over them.

    Raises:
        AgreementError: if one is not.
    """
    sentences = []
    for replay, own in zip(replays, swept.before, strict=True):
        worst, count = 0.0, 0
        arrays = [rows.values() for rows in own]
        for start in replay.strand.starts:
            theirs = captured.at_states.get(start.call.index)
            if theirs is None or not start.before:
                continue
            off = _border(start, replay, arrays, theirs)
            if off is None:
                continue
            count += 1
            worst = max(worst, off)
            if not off <= replay.tolerance:
                raise AgreementError(
                    start.call.path or "model",
                    f"the gradient that autograd has at the states given to call {start.call.index}",
                    f"a difference of {off:.1e} of its largest entry",
                    f"Between the calls stands {between(start)}: nothing is judged.",
                )  # fmt: skip
        if count:
            sentences.append(
                f"{replay.strand.path or 'model'}: the gradient at the states of {counted(count, 'border')} between "
                f"calls is autograd's, to {worst:.0e} of its largest entry."
            )
    return sentences


def _border(
    start: Start, replay: Replay, arrays: Sequence[Array], theirs: Sequence[Tensor | None]
) -> float | None:
    """How far our gradient at a call's states is from autograd's; None where there is nothing to compare."""
    call, strand = start.call, replay.strand
    at = strand.step[call.index], strand.column[call.index]
    ours = state_tensors(call, [array[at] for array in arrays], replay)
    kept = torch.tensor([not reset for reset in start.resets])
    largest, off = 0.0, 0.0
    for mine, other in zip(ours, theirs, strict=True):
        mine = mine.reshape(-1, len(kept), mine.shape[-1])[:, kept].double()
        expected = torch.zeros_like(mine)
        if other is not None:
            expected = other.reshape(-1, len(kept), other.shape[-1])[:, kept].double()
        if not expected.numel() or not torch.isfinite(expected).all():
            return None
        largest = max(largest, float(expected.abs().max()))
        off = max(off, float((mine - expected).abs().max()))
    smallest = torch.finfo(call.states[0].dtype)
    if largest <= smallest.tiny / smallest.eps**2:
        return None  # autograd's numbers have lost their digits here
    return off / largest


def between(start: Start) -> str:
    """What stands between a call and those that it goes on from."""
    return ", ".join(operations(entries_of(start), start.before + start.reads)) or "nothing"


def or_zero(grad: Tensor | None, like: Tensor) -> Tensor:
    """The gradient, zeros where there is none."""
    return torch.zeros_like(like) if grad is None else grad
