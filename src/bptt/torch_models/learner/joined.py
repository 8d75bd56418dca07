"""Calls whose states pass through something else on their way, as a prognosis needs them: reach and the far gradient.

A state may be scaled, normalised, mixed or handed from an encoder to a decoder: its errors go through the pieces of the
model's own graph that lie in between. One loss step is drawn for all sequences, so that one backward pass tells the lags
apart: the place of a call in its chain says how far back it lies.
"""

from collections.abc import Sequence

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import needed_lags
from bptt.gradients.by_lag.linked import linked_by_lag, sweep_from
from bptt.gradients.by_lag.loss_steps import one_way
from bptt.layers.at_weights import errors_at_weights
from bptt.prognoses import Joined, near_lag
from bptt.torch_models.decompose import members_of
from bptt.torch_models.replay import Links, Replay


def joined(replays: Sequence[Replay], links: Links, lag: int, number: int) -> Joined:
    """Some calls that belong together.

    Args:
        replays: theirs.
        links: what lies between them.
        lag: that the task needs.
        number: of the group of sequences; how far the signal reaches is asked of the first, 0.
    """
    places = [_places(own, links) for own in replays]
    reach = None if number else _log10_attenuation(replays, links, places, lag)
    bands, sequences = _bands(replays, links, places, lag, np.random.default_rng(number))
    return Joined(reach, bands, sequences)


def _places(own: Replay, links: Links) -> Array:
    """(T, B) how far along its chain each step of each column lies.

    A sequence that ends early ends where the others do, if another call goes on from it.
    """
    sources = {
        call.index for each in links.replays for s in each.strand.starts for call in s.sources
    }
    strand = own.strand
    places = np.full((strand.steps, len(strand.lengths)), -1)
    for start in strand.starts:
        call = start.call
        lengths = np.array(call.lengths)
        late = call.steps - lengths if call.index in sources else np.zeros_like(lengths)
        strand.place(call.index, start.first + late + np.arange(call.steps)[:, None], places)
    return places


def _reached(own: Replay, places: Array) -> Array:
    """(T, B) the places of the loss steps, -1 elsewhere."""
    return np.where(np.any([d.any(-1) for d in own.errors], axis=0), places, -1)


def _at(own: Replay, at: Array) -> list[Array]:
    """The errors at some steps alone, (T, B) True there."""
    return [np.where(at[..., None], d, 0) for d in own.errors]


def _log10_attenuation(
    replays: Sequence[Replay], links: Links, places: Sequence[Array], lag: int
) -> float:
    """log10 of the last loss step's signal at the needed lag over that where it starts, where it is weakest."""
    reached = [_reached(own, at) for own, at in zip(replays, places, strict=True)]
    last = max(int(at.max()) for at in reached)
    if last < 0:
        return -np.inf
    errors = [_at(own, at == last) for own, at in zip(replays, reached, strict=True)]
    traces, timelines = [r.trace for r in replays], [r.strand.timeline for r in replays]
    members = members_of(replays)
    profiles, _ = linked_by_lag(traces, errors, links, members, timelines, lag)
    ordered = []
    for own in members:
        n, layer = max(own, key=lambda place: replays[place[0]].strand.lengths.sum())
        ordered.append(timelines[n].in_order(traces[n].traces[layer]))
    lags = needed_lags(lag, ordered, profiles, lag)
    return min(
        profile.log10_attenuation(k) if k < len(profile.log10_signal) else -np.inf
        for profile, k in zip(profiles, lags, strict=True)
    )


def _bands(
    replays: Sequence[Replay],
    links: Links,
    places: Sequence[Array],
    lag: int,
    rng: np.random.Generator,
) -> tuple[Array | None, int]:
    """(3, P) the gradient from all lags, from half of the needed lag on and from it on; and of how many sequences."""
    if not all(len(own.trace.levels) == 1 or one_way(own.trace) for own in replays):
        return None, 0
    reached = [_reached(own, at) for own, at in zip(replays, places, strict=True)]
    steps = np.unique(np.concatenate([at.ravel() for at in reached]))
    steps = steps[steps >= lag]
    if not len(steps):
        return None, 0
    drawn = int(rng.choice(steps))
    errors, sequences = [], 0
    for own, at in zip(replays, reached, strict=True):
        taken = at == drawn
        n = int(taken.sum())
        sequences = max(sequences, n)
        errors.append([_centred(d, taken, n) * d.dtype.type(len(steps)) for d in own.errors])
    traces = [own.trace for own in replays]
    entering = sweep_from(traces, errors, links).entering
    at_weights = [
        errors_at_weights(trace, [rows.values() for rows in own])
        for trace, own in zip(traces, entering, strict=True)
    ]
    near = near_lag(lag)
    bands = []
    for least, most in ((lag, np.inf), (near, lag), (0, near)):
        counted = [(drawn - at >= least) & (drawn - at < most) & (at >= 0) for at in places]
        parts = [
            np.sum([at_weights[n][k].gradient(slice(None), counted[n]) for n, k in members], axis=0)
            for members in members_of(replays)
        ]
        bands.append(np.concatenate(parts))
    return np.cumsum(bands, axis=0)[::-1], sequences


def _centred(d: Array, taken: Array, n: int) -> Array:
    """(T, B, S) the errors that are taken without their mean, its bias taken off; zero elsewhere."""
    if not n:
        return np.zeros_like(d)
    centred = (d - d[taken].mean(0)) * d.dtype.type(n / max(1, n - 1))
    return np.where(taken[..., None], centred, 0)
