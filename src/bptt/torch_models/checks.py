"""What was taken apart, compared with autograd: the sum, the gradient at every border between calls, and the split.

A sum that agrees does not prove the split: an error that a border cut off would be booked at lag 0 and the sum
would still agree. So the whole gradient at the states that every call was given is compared too; and for calls drawn
with a seed, the part of their errors that acts in each earlier call, by autograd with a copy of the weights per call.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from bptt.arrays import Array
from bptt.errors import AgreementError
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_lag.linked import linked_by_lag, sweep
from bptt.gradients.by_lag.walk import error_rows
from bptt.presentation.formatting import counted
from bptt.torch_models.calls import Call
from bptt.torch_models.capture import Captured, Errors
from bptt.torch_models.carry import gradients, shut
from bptt.torch_models.convert import suffixes_of, to_numpy
from bptt.torch_models.dependence import operations
from bptt.torch_models.joins import Chain, Start
from bptt.torch_models.links import Links, entries_of, state_tensors
from bptt.torch_models.replay import Replay, placed_errors

Members = Sequence[Sequence[tuple[int, int]]]
MOST_COPIES = 64  # calls whose weights are copied in one comparison


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
        weight = "weight_hh" + suffixes_of(calls[0].recurrence, calls[0].is_cell)[layer]
        per_layer = len(calls[0].shared) // len(calls[0].recurrence.per_layer)
        aliases = {
            id(call.shared[layer * per_layer + 1]): call.shared[layer * per_layer + 1]
            for call in calls
        }
        expected = sum(
            (to_numpy(_or_zero(captured.weights[key], W)) for key, W in aliases.items()),
            np.zeros(()),
        )
        ours = unprojected(profile.dW_R, first.projections[layer])
        if not np.isfinite(expected).all():
            lag = "" if profile.overflow_lag is None else f" from lag {profile.overflow_lag} on"
            sentences.append(
                f"{name}: autograd's {weight}.grad is not finite; the parts leave the type{lag}."
            )
            continue
        largest = np.abs(expected).max()
        off = float(np.abs(ours - expected).max() / (largest or 1.0))
        if not off <= first.tolerance:
            raise AgreementError(
                name, f"lags that add up to autograd's {weight}.grad, to {first.tolerance:g}",
                f"a difference of {off:.1e} of its largest entry",
                "Look for a weight or a state that changes on the way: nothing is judged.",
            )  # fmt: skip
        sentences.append(
            f"{name}: the lags add up to autograd's {weight}.grad, to {off:.0e} of its largest entry."
        )
    return sentences


def unprojected(dW_R: Array, W_hr: Array | None) -> Array:
    """From the gradient by W_hh W_hr, that is Σ dz ⊗ s, to that by W_hh, Σ dz ⊗ W_hr s."""
    return dW_R if W_hr is None else dW_R @ W_hr.T


def check_borders(captured: Captured, replays: Sequence[Replay], links: Links) -> list[str]:
    """That the whole gradient at the states that each call was given is autograd's.

    Args:
        captured: what autograd says.
        replays: the calls.
        links: what lies between them.

    Raises:
        AgreementError: if one is not.
    """
    errors = [
        [error_rows(t, d) for t, d in zip(r.trace.traces, r.errors, strict=True)] for r in replays
    ]
    before = sweep([r.trace for r in replays], errors, links).before
    worst, count = 0.0, 0
    for replay, own in zip(replays, before, strict=True):
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
            if not off <= 10 * replay.tolerance:
                raise AgreementError(
                    start.call.path or "model",
                    f"the gradient that autograd has at the states given to call {start.call.index}",
                    f"a difference of {off:.1e} of its largest entry",
                    f"Between the calls stands {between(start)}: nothing is judged.",
                )  # fmt: skip
    if not count:
        return []
    return [
        f"The gradient at the states of {counted(count, 'border')} between calls is autograd's, "
        f"to {worst:.0e} of its largest entry."
    ]


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


def check_copies(
    captured: Captured,
    replays: Sequence[Replay],
    links: Links,
    chains: Sequence[Chain],
    members: Members,
    max_lag: int | None,
) -> list[str]:
    """That the errors of one call, drawn with a seed, act in each earlier call as autograd says.

    Args:
        captured: what autograd says.
        replays: the calls.
        links: what lies between them.
        chains: the same calls by chain.
        members: for each layer, its (replay, layer).
        max_lag: the largest lag that is computed; None for all of them.

    Raises:
        AgreementError: if they do not.
    """
    rng = np.random.default_rng(0)
    worst, compared = 0.0, 0
    for chain in chains:
        calls = chain.calls
        if not chain.is_joined or any(call.recurrence.two for call in calls):
            continue
        late = [s for s in chain.starts if s.first and _last_errors(captured, s.call) is not None]
        if not late:
            continue
        late = late[len(late) // 2 :]
        drawn = late[int(rng.integers(len(late)))]
        off, count = _copies(captured, replays, links, chain, drawn, members, max_lag)
        worst, compared = max(worst, off), compared + count
    if not compared:
        return []
    return [
        f"Of the errors of calls drawn with a seed, the part that acts in each of {counted(compared, 'earlier call')} "
        f"is autograd's with a copy of the weights per call, to {worst:.0e} of its largest entry."
    ]


def _last_errors(captured: Captured, call: Call) -> list[Tensor | None] | None:
    """The immediate errors at a call's last step; None where there are none, or sequences differ in length."""
    if call.batch_sizes is not None:
        return None
    grads = list(captured.immediate[call.index])
    if not call.is_cell and grads[0] is not None:
        last = torch.zeros_like(grads[0])
        step = (slice(None), -1) if call.batch_first else -1
        last[step] = grads[0][step]
        grads[0] = last
    if all(grad is None or not bool(grad.any()) for grad in grads):
        return None
    return grads


def _copies(
    captured: Captured,
    replays: Sequence[Replay],
    links: Links,
    chain: Chain,
    drawn: Start,
    members: Members,
    max_lag: int | None,
) -> tuple[float, int]:
    """The largest difference, and how many calls were compared."""
    last = _last_errors(captured, drawn.call)
    assert last is not None
    errors: Errors = {drawn.call.index: last}
    traces = [r.trace for r in replays]
    placed = [placed_errors(r.strand, r.trace, errors) for r in replays]
    timelines = [r.strand.timeline for r in replays]
    loss_step = drawn.last - 1
    reach = loss_step if max_lag is None else min(loss_step, max_lag)
    profiles, _ = linked_by_lag(
        traces, placed, links, members, timelines, reach, keep_matrices=True
    )
    earlier = [s for s in chain.starts if loss_step - reach <= s.first <= loss_step]
    stretches = _stretches(earlier)[-MOST_COPIES:]
    earlier = [start for own in stretches for start in own]
    theirs = _by_copies(chain, drawn, last, earlier)
    off = 0.0
    for own, profile in zip(members, profiles, strict=True):
        layer = own[0][1]
        paths = {replays[n].strand.path for n, _ in own}
        numbers = profile.matrices
        assert numbers is not None
        W_hr = replays[own[0][0]].projections[layer]
        tolerance = replays[own[0][0]].tolerance
        pairs = []
        for stretch in stretches:
            mine = [s for s in stretch if s.call.path in paths]
            if not mine:
                continue
            first, end = min(s.first for s in mine), max(s.last for s in mine)
            lags = slice(max(0, loss_step - end + 1), loss_step - first + 1)
            ours = unprojected(numbers[lags].sum(0), W_hr)
            expected = sum((theirs[s.call.index][layer] for s in mine), np.zeros(()))
            pairs.append((ours, expected))
        largest = max((float(np.abs(b).max()) for _, b in pairs), default=0.0)
        if not largest or not np.isfinite(largest):
            continue
        here = max(float(np.abs(a - b).max()) for a, b in pairs) / largest
        if not here <= 10 * tolerance:
            raise AgreementError(
                paths.pop() or "model",
                "parts of the gradient that are autograd's with a copy of the weights per call",
                f"a difference of {here:.1e} of the largest entry",
                f"Between the calls stands {between(drawn)}: nothing is judged.",
            )  # fmt: skip
        off = max(off, here)
    return off, len(earlier)


def _stretches(starts: list[Start]) -> list[list[Start]]:
    """Calls in the order of their steps; those together whose steps overlap."""
    stretches: list[list[Start]] = []
    end = -1
    for start in sorted(starts, key=lambda s: s.first):
        if start.first >= end:
            stretches.append([])
        stretches[-1].append(start)
        end = max(end, start.last)
    return stretches


def _by_copies(
    chain: Chain, drawn: Start, last: list[Tensor | None], earlier: list[Start]
) -> dict[int, list[Array]]:
    """By the call's index: the gradient of each W_hh of its own, from the errors of one call."""
    weights = [(s.call.index, layer[1]) for s in earlier for layer in s.call.recurrence.per_layer]
    edges = [
        edge for edge, grad in zip(drawn.call.out.edges, last, strict=True) if grad is not None
    ]
    sent = [grad for grad in last if grad is not None]
    past = [start.call.input_gate for start in chain.starts if start.feeds == "past"]
    with shut(past):
        grads = gradients(edges, sent, [get_gradient_edge(W) for _, W in weights])
    result: dict[int, list[Array]] = {}
    for (index, W), grad in zip(weights, grads, strict=True):
        result.setdefault(index, []).append(to_numpy(_or_zero(grad, W)))
    return result


def _or_zero(grad: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if grad is None else grad
