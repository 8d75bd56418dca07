"""The split itself, compared with autograd: the part of a call's errors that acts in each earlier call.

Autograd tells it by a copy of the weights per call; we by the lags between the two. The call is drawn with a seed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from bptt.arrays import Array
from bptt.errors import AgreementError
from bptt.gradients.by_lag.linked import linked_by_lag
from bptt.presentation.formatting import counted
from bptt.torch_models.capture import Call, Captured, Chain, Errors, Start
from bptt.torch_models.capture.carry import gradients, shut
from bptt.torch_models.convert import to_numpy
from bptt.torch_models.decompose.checks import Members, between, or_zero, unprojected
from bptt.torch_models.replay import Links
from bptt.torch_models.replay.run_again import Replay, placed_errors

MOST_COPIES = 64  # calls whose weights are copied in one comparison


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
    sentences = []
    for chain in chains:
        calls = chain.calls
        if not chain.is_joined or any(call.acting.two for call in calls):
            continue
        # From the later half if it has errors of its own: there more calls lie before.
        later = [start for start in chain.starts if start.first]
        cut = len(later) // 2
        order = [*(cut + rng.permutation(len(later) - cut)), *rng.permutation(cut)]
        candidates = ((later[n], _last_errors(captured, later[n].call)) for n in order)
        drawn, last = next(((s, d) for s, d in candidates if d is not None), (None, None))
        if drawn is None or last is None:
            continue
        off, count = _copies(replays, links, chain, drawn, last, members, max_lag)
        sentences.append(
            f"{drawn.call.path or 'model'}: of the error of call {drawn.call.index}, drawn with a seed, the part that acts "
            f"in each of {counted(count, 'earlier call')} is autograd's with a copy of the weights per call, to "
            f"{off:.0e} of its largest entry."
        )
    return sentences


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
    replays: Sequence[Replay],
    links: Links,
    chain: Chain,
    drawn: Start,
    last: list[Tensor | None],
    members: Members,
    max_lag: int | None,
) -> tuple[float, int]:
    """The largest difference, and how many calls were compared."""
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
    is_whole = loss_step - reach <= 0
    stretches = [own for own in _stretches(earlier) if is_whole or not any(map(_is_uneven, own))]
    stretches = stretches[-MOST_COPIES:]
    earlier = [start for own in stretches for start in own]
    theirs = _by_copies(chain, drawn, last, earlier)
    off = 0.0
    for own, profile in zip(members, profiles, strict=True):
        layer = own[0][1]
        paths = {replays[n].strand.path for n, _ in own}
        numbers = profile.matrices
        if numbers is None:  # within the largest lag no error comes as far as these layers
            continue
        W_hr = replays[own[0][0]].projections[layer]
        tolerance = replays[own[0][0]].tolerance
        pairs = []
        for stretch in stretches:
            mine = [s for s in stretch if s.call.path in paths]
            if not mine:
                continue
            first, end = min(s.first for s in stretch), max(s.last for s in stretch)
            lags = slice(max(0, loss_step - end + 1), loss_step - first + 1)
            ours = unprojected(numbers[lags].sum(0), W_hr)
            expected = sum((theirs[s.call.index][layer] for s in mine), np.zeros(()))
            pairs.append((ours, expected))
        largest = max((float(np.abs(b).max()) for _, b in pairs), default=0.0)
        if not largest or not np.isfinite(largest):
            continue
        difference = max(float(np.abs(a - b).max()) for a, b in pairs) / largest
        if not difference <= tolerance:
            raise AgreementError(
                paths.pop() or "model",
                "parts of the gradient that are autograd's with a copy of the weights per call",
                f"a difference of {difference:.1e} of the largest entry",
                f"Between the calls stands {between(drawn)}: nothing is judged.",
            )  # fmt: skip
        off = max(off, difference)
    return off, len(earlier)


def _stretches(starts: list[Start]) -> list[list[Start]]:
    """Calls in the order of their steps; those together that have lags in common.

    Their steps overlap, or a sequence that ends early brings all before it nearer.
    """
    stretches: list[list[Start]] = []
    end = -1
    for start in sorted(starts, key=lambda s: s.first):
        if _is_uneven(start):
            stretches = [[other for own in stretches for other in own]]
        elif start.first >= end:
            stretches.append([])
        stretches[-1].append(start)
        end = max(end, start.last)
    return stretches


def _is_uneven(start: Start) -> bool:
    """Whether its sequences differ in length."""
    return len(set(start.call.lengths)) > 1


def _by_copies(
    chain: Chain, drawn: Start, last: list[Tensor | None], earlier: list[Start]
) -> dict[int, list[Array]]:
    """By the call's index: the gradient of each W_hh of its own, from the errors of one call."""
    weights = [(s.call.index, layer[1]) for s in earlier for layer in s.call.acting.per_layer]
    edges = [
        edge for edge, grad in zip(drawn.call.out.edges, last, strict=True) if grad is not None
    ]
    sent = [grad for grad in last if grad is not None]
    past = [start.call.input_gate for start in chain.starts if start.feeds == "past"]
    with shut(past):
        grads = gradients(edges, sent, [get_gradient_edge(W) for _, W in weights])
    result: dict[int, list[Array]] = {}
    for (index, W), grad in zip(weights, grads, strict=True):
        result.setdefault(index, []).append(to_numpy(or_zero(grad, W)))
    return result
