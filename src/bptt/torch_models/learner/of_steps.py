"""Steps of one's own in a look ahead: one loss step is drawn for all sequences, so that one pass back over the calls tells lags."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from bptt.arrays import Array
from bptt.presentation.formatting import listed
from bptt.prognoses import Joined, Pass, near_lag
from bptt.torch_models.as_found import is_pytorchs
from bptt.torch_models.capture import Loss
from bptt.torch_models.learner.far import (
    MOST_FEATURES,
    TOO_MANY,
    Bands,
    as_row,
    band_of,
    centred,
    log10_left,
    refuse_not_finite,
)
from bptt.torch_models.stepped import held, named
from bptt.torch_models.stepped.calls import Output, StepCall
from bptt.torch_models.stepped.gathered import squares_of
from bptt.torch_models.stepped.kept_state import KeptState
from bptt.torch_models.stepped.recording import Recording, record
from bptt.torch_models.stepped.rows import Rows, rows_of
from bptt.torch_models.stepped.sweep import sweep

ROWS = 4096  # at a time
NOT_IN_ROWS = "Form is left out: the calls of the step cannot be run again as rows of one batch, sequence by sequence."


class OfSteps:
    """Modules that the model calls once per time step; see ``Kind``.

    Args:
        steps: by name.
    """

    def __init__(self, steps: dict[str, nn.Module]) -> None:
        self.names = list(steps)
        others = [module for module in steps.values() if not is_pytorchs(module)]
        kinds = dict.fromkeys(type(module).__name__ for module in others)
        self.unlike = listed(tuple(kinds)) if kinds else ""

    def seen(self, model: nn.Module, batch: Any, loss: Loss) -> tuple[int, int]:
        """Steps of the longest chain of calls, and sequences."""
        recordings = self._recorded(model, batch, loss)
        return max(r.steps for r in recordings), max(r.sequences for r in recordings)

    def sequences(self, model: nn.Module, batch: Any, loss: Loss) -> int:
        """Of the largest call."""
        return self.seen(model, batch, loss)[1]

    def passed(
        self, model: nn.Module, batch: Any, loss: Loss, lag: int, number: int
    ) -> tuple[Pass, Sequence[str]]:
        """See ``Kind``."""
        recordings = self._recorded(model, batch, loss)
        E = float(recordings[0].E.detach())
        errors = [error for own in recordings for error in own.immediate.values()]
        refuse_not_finite(E, errors, model, batch, loss)
        blind = _blind(model, batch, loss, recordings)
        parts, remarks = [], set()
        for own in recordings:
            joined, remark = _joined(model, own, lag, number)
            parts.append(joined)
            remarks |= {remark} if remark else set()
        return Pass(E, blind, (), tuple(parts)), sorted(remarks)

    def _modules(self, model: nn.Module) -> dict[str, nn.Module]:
        return {p: m for name in self.names for p, m in named(model, name).items()}

    def _recorded(self, model: nn.Module, batch: Any, loss: Loss) -> list[Recording]:
        recordings = []
        modules = self._modules(model)
        for path, module in modules.items():
            with held(model, modules):
                recordings.append(record(model, batch, loss, path, module))
        return recordings


def _joined(
    model: nn.Module, recording: Recording, lag: int, number: int
) -> tuple[Joined, str | None]:
    """One step's reach, far gradient and tangents; and why the last cannot be had."""
    reach = None if number else _reach(recording, lag)
    steps = [t for t in recording.loss_steps if t >= lag]
    if not steps:
        return Joined(reach, None, 0), None
    t = int(np.random.default_rng(number).choice(steps))
    drawn = {n: e for n, e in recording.immediate.items() if recording.level_of(n) == t}
    axis = recording.axis
    taken = _taken(drawn.values(), axis)
    bands = Bands(recording.params)
    sent = {n: centred(e, taken, axis) * len(steps) for n, e in drawn.items()}
    for passed in sweep(recording, sent):
        bands.add(band_of(t - passed.call.level, lag), passed.grads)
    P = sum(p.numel() for p in recording.params.values())
    remark = tangents = None
    if P * recording.sequences > MOST_FEATURES:
        remark = TOO_MANY
    else:
        with held(model, {recording.path: recording.module}):
            rows = rows_of(recording, ROWS)
        if rows is None or any(e.ndim == 0 or len(e) != len(taken) for e in drawn.values()):
            remark = NOT_IN_ROWS
        else:
            tangents = (_Tangents(model, rows, t, drawn, taken, near_lag(lag)),)
    return Joined(reach, bands.rows(), int(taken.sum()), tangents), remark


def _taken(errors: Iterable[Tensor], axis: int) -> Tensor:
    """(B,) the sequences that have an error."""
    found = None
    for error in errors:
        if error.ndim <= axis:
            continue
        own = error.movedim(axis, 0).reshape(error.shape[axis], -1).any(1)
        found = own if found is None or len(found) != len(own) else found | own
    return torch.zeros(1, dtype=torch.bool) if found is None else found


def _reach(recording: Recording, lag: int) -> float:
    """log10 of the last loss step's signal at the needed lag over that where it starts."""
    if not recording.loss_steps:
        return -np.inf
    last = recording.loss_steps[-1]
    sent = {n: e for n, e in recording.immediate.items() if recording.level_of(n) == last}
    squares, pairs = np.zeros(last + 1), np.zeros(last + 1)
    for passed in sweep(recording, sent, with_params=False):
        state = [
            passed.errors[output.number][None]
            for output in passed.call.outputs
            if output.comes_in and output.number in passed.errors
        ]
        if state and passed.call.level <= last:
            by_sequence = squares_of(state, recording.axis)[0]
            squares[last - passed.call.level] += float(by_sequence.sum())
            pairs[last - passed.call.level] += int((by_sequence > 0).sum())
    return log10_left((squares / np.maximum(1, pairs)).tolist(), lag)


class _Tangents:
    """Of one step at a drawn loss step; see ``bptt.prognoses.Tangents``."""

    def __init__(
        self, model: nn.Module, rows: Rows, t: int, drawn: dict[int, Tensor], taken: Tensor, near: int
    ) -> None:  # fmt: skip
        self._model, self._rows, self._t, self._near = model, rows, t, near
        self._shapes = {n: e.shape for n, e in drawn.items()}
        self._like = next(iter(drawn.values()))
        self._taken = np.flatnonzero(taken.cpu().numpy())
        flat = [_real_rows(error) for error in drawn.values()]
        self.D = np.concatenate(flat, axis=1)[self._taken]

    def features(self, v: Array) -> Array:
        """(N, P), sequence by sequence: what a sequence's rows far back add to the gradient of v·h."""
        recording = self._rows.recording
        with held(self._model, {recording.path: recording.module}):
            errors = self._errors(v)
            number, local = self._rows.where
            params = list(recording.params.values())
            features = []
            for sequence in self._taken.tolist():
                total: list[Tensor | None] = [None] * len(params)
                at = [r for r in (self._row(call, sequence) for call in recording.calls) if r >= 0]
                at = [r for r in at if bool(errors[0][1][r])]
                for n, group in enumerate(self._rows.groups):
                    own = [r for r in at if number[r] == n]
                    if own:
                        where = torch.tensor(local[own], device=group.rows.device)
                        outputs, _ = self._rows.run(group, where)
                        sent = [(o, e[own]) for o, (e, _) in zip(outputs, errors, strict=True)]
                        grads = torch.autograd.grad(
                            [o for o, _ in sent if o.requires_grad], params,
                            [e for o, e in sent if o.requires_grad], allow_unused=True,
                        )  # fmt: skip
                        total = [
                            a if b is None else b if a is None else a + b
                            for a, b in zip(total, grads, strict=True)
                        ]
                row = [
                    as_row(torch.zeros_like(p) if g is None else g)
                    for p, g in zip(params, total, strict=True)
                ]
                features.append(np.concatenate(row))
        return np.stack(features)

    def _row(self, call: StepCall, sequence: int) -> int:
        inside = sequence < self._rows.counts[call.index]
        return self._rows.first[call.index] + sequence if inside else -1

    def _errors(self, v: Array) -> list[tuple[Tensor, Tensor]]:
        """Per output, the errors at all rows that v at the drawn step causes far back; and (R,) where any stands."""
        rows, recording = self._rows, self._rows.recording
        sent, first = {}, 0
        for n, shape in self._shapes.items():
            like = recording.places[n].leaf
            size = shape[1:].numel() * (2 if like.is_complex() else 1)
            part = torch.from_numpy(np.ascontiguousarray(v[first : first + size]))
            first += size
            value = torch.view_as_complex(part.reshape(-1, 2)) if like.is_complex() else part
            sent[n] = value.to(like.device, like.dtype).reshape(1, *shape[1:]).expand(shape)
        outputs = [o.leaf for o in recording.calls[0].outputs]
        total = sum(rows.counts)
        errors = [leaf.new_zeros(total, *leaf.shape[1:]).detach() for leaf in outputs]
        alive = torch.zeros(total, dtype=torch.bool)
        for passed in sweep(recording, sent, with_params=False):
            if self._t - passed.call.level < self._near:
                continue
            start = rows.first[passed.call.index]
            span = slice(start, start + rows.counts[passed.call.index])
            for n, output in enumerate(passed.call.outputs):
                if output.number in passed.errors:
                    errors[n][span] = passed.errors[output.number]
                    alive[span] = True
        return [(error, alive) for error in errors]


def _real_rows(error: Tensor) -> Array:
    return np.stack([as_row(row) for row in error])


def _blind(model: nn.Module, batch: Any, loss: Loss, recordings: Sequence[Recording]) -> float:
    """The loss where every call puts out the mean over the sequences of what it computed before."""
    modules = {own.path: own.module for own in recordings}
    with held(model, modules):
        instead = [_Mean(own) for own in recordings]
        try:
            return float(loss(model, batch).detach())
        finally:
            for own in instead:
                own.end()


class _Mean:
    """In the place of a step's forward."""

    def __init__(self, recording: Recording) -> None:
        self._calls, self._axis = iter(recording.calls), recording.axis
        self._module, self._forward = recording.module, recording.forward
        self._kept = KeptState(recording.module)
        self._had = vars(recording.module).get("forward")
        vars(recording.module)["forward"] = self

    def end(self) -> None:
        """Its own forward again."""
        if self._had is None:
            del vars(self._module)["forward"]
        else:
            vars(self._module)["forward"] = self._had

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What it puts out, the mean in the place of each sequence."""
        leaves, form = tree_flatten(self._forward(*args, **kwargs))
        call = next(self._calls, None)
        known = {} if call is None else {o.position: o for o in call.outputs}
        self._kept.replace(self._shared)
        return tree_unflatten([self._of(known.get(n), leaf) for n, leaf in enumerate(leaves)], form)

    def _of(self, known: Output | None, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not (leaf.is_floating_point() or leaf.is_complex()):
            return leaf
        same = known is not None and known.leaf.shape == leaf.shape
        return self._shared(known.leaf.detach() if known is not None and same else leaf)

    def _shared(self, value: Tensor) -> Tensor:
        if value.ndim <= self._axis:
            return value
        return value.mean(self._axis, keepdim=True).expand_as(value).clone()
