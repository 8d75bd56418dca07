"""A step that a model calls once per time step, taken apart by lag, and checked against autograd."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn

from bptt.diagnosis import Keep
from bptt.dynamics import Exponents, MemoryFunction
from bptt.gradients.by_lag import StateProfile, StateTally
from bptt.torch_models.capture import Loss
from bptt.torch_models.decompose.bounds import Bounds
from bptt.torch_models.stepped.agreement import Agreement
from bptt.torch_models.stepped.by_calls import walk_calls
from bptt.torch_models.stepped.gate import keep_of
from bptt.torch_models.stepped.gathered import Gathered, as_array
from bptt.torch_models.stepped.held_errors import HeldErrors
from bptt.torch_models.stepped.in_rows import walk_rows
from bptt.torch_models.stepped.named_map import named_map
from bptt.torch_models.stepped.portion import Portion, Sizes, portion_of
from bptt.torch_models.stepped.recording import Recording, record
from bptt.torch_models.stepped.reference import Reference
from bptt.torch_models.stepped.rows import Rows, rows_of
from bptt.torch_models.stepped.states import exponents, memory
from bptt.torch_models.stepped.sweep import swept


@dataclass(frozen=True, eq=False)
class Stepped:
    """One step on one batch.

    Attributes:
        name: of the module in the model.
        kind: its class.
        profile: the gradient by lag of every parameter, and the signal on the state.
        steps: T, calls along the longest way.
        calls: how often the module was called.
        sequences: B.
        checked: what was compared with autograd, in sentences.
        remarks: what was left out or done otherwise, in sentences.
        in_rows: whether all calls were taken as rows of one batch.
        exponents: leading Lyapunov exponents of the state, or None where they cannot be told.
        memory: what the state remembers of the inputs, or None likewise.
        keep: what lets the step keep more of its state; None where no gate with a bias does.
    """

    name: str
    kind: str
    profile: StateProfile
    steps: int
    calls: int
    sequences: int
    checked: tuple[str, ...]
    remarks: tuple[str, ...]
    in_rows: bool
    exponents: Exponents | None
    memory: MemoryFunction | None
    keep: Keep | None


def measured(
    model: nn.Module, batch: Any, loss: Loss, path: str, module: nn.Module, whole: Reference, bounds: Bounds
) -> Stepped:  # fmt: skip
    """The gradient by lag of one step; the model must be ``held`` around it.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        path: the step's name.
        module: the step.
        whole: what autograd says.
        bounds: of the measurement.

    Raises:
        OptionError: as ``record``, or if the memory does not suffice.
        AgreementError: if the cut pass is another than the ordinary one, or the lags do not add up to autograd's gradient.
        NonFiniteError: if a gradient leaves its type.
    """
    started = monotonic()
    name = path or "model"
    recording = record(model, batch, loss, path, module)
    agreeing = Agreement(recording, whole)
    agreeing.same_loss()
    T = recording.steps
    lags = T if bounds.max_lag is None else min(T, bounds.max_lag + 1)
    sizes = Sizes(recording, bounds, lags, monotonic() - started)
    before = monotonic()
    rows = rows_of(recording, sizes.rows)
    per_pair = 3 * (monotonic() - before) / len(recording.calls)
    lockstep = rows if recording.in_lockstep else None
    in_rows = lockstep is not None
    if lockstep is None:
        per_pair = sizes.seconds_per_error()
    sizes.refuse(in_rows=in_rows)
    portion = portion_of(sizes, per_pair, in_rows=in_rows)
    complete = lags == T
    total, checked = agreeing.total(swept_too=not (complete and portion.is_all))
    if not portion.is_all:
        total = {n: as_array(g) for n, g in swept(recording, _part(recording, portion))[0].items()}
    counted = _map_of(recording)
    tally = StateTally(total, None if counted is None else [counted])
    gathered = Gathered(recording.params, T, lags)
    walked = (
        _by_calls(recording, rows, portion, gathered, counted, bounds)
        if lockstep is None
        else _in_rows(lockstep, portion, gathered, counted, bounds)
    )
    for k in walked:
        tally.add(k, *gathered.parts(k))
        tally.finish()
        gathered.let_go(k)
    if complete:
        checked += agreeing.added_up(tally, total, portion.is_all)
    profile = _with_factors(
        tally.profile(
            log10_signal=gathered.log10_signal, gain=gathered.growth("leaving"),
            log10_signal_by_step=gathered.log10_signal_by_step, complete=complete,
        ),
        gathered, recording, counted,
    )  # fmt: skip
    remarks = [*portion.words, *_remarks(name, recording)]
    return Stepped(
        name, type(module).__name__, profile, T, len(recording.calls), sizes.sequences, tuple(checked), tuple(remarks),
        in_rows, None if lockstep is None else exponents(lockstep), memory(recording),
        keep_of(recording),
    )  # fmt: skip


def _in_rows(
    rows: Rows, portion: Portion, gathered: Gathered, counted: str | None, bounds: Bounds
) -> Iterator[int]:
    """Gather every lag of calls in lockstep, and say which as soon as it is complete."""
    done = 0
    for k in walk_rows(
        rows, gathered, portion.loss_steps, portion.columns, portion.rows, counted, bounds.update
    ):
        yield k
        done = k + 1
    yield from range(done, gathered.lags)


def _by_calls(
    recording: Recording, rows: Rows | None, portion: Portion, gathered: Gathered, counted: str | None, bounds: Bounds
) -> Iterator[int]:  # fmt: skip
    """Gather every lag of calls that are linked in any way: all are complete at the end."""
    held = None
    if rows is not None and rows.meet:
        held = HeldErrors(rows, gathered, portion.rows)
    part = replace(recording, immediate=_part(recording, portion))
    walk_calls(part, gathered, portion.loss_steps, portion.block, counted, held, bounds.update)
    yield from range(gathered.lags)


def _part(recording: Recording, portion: Portion) -> dict[int, Tensor]:
    """The immediate errors that are taken apart."""
    kept = {}
    steps = set(portion.loss_steps)
    for number, error in recording.immediate.items():
        if recording.level_of(number) not in steps:
            continue
        if portion.columns is not None and error.ndim > recording.axis:
            at = torch.from_numpy(portion.columns).to(error.device)
            at = at[at < error.shape[recording.axis]]
            some = torch.zeros_like(error)
            error = some.index_copy(recording.axis, at, error.index_select(recording.axis, at))
        kept[number] = error
    return kept


def _map_of(recording: Recording) -> str | None:
    """The parameter that multiplies the state at every call that it comes in to, if there is one."""
    names = set()
    for call in recording.calls[-1:0:-1][:3]:
        if not call.entries:
            continue
        product = named_map(
            [output.edge for output in call.outputs], [entry.leaf for entry in call.entries], recording.params
        )  # fmt: skip
        names.add(None if product is None else product.name)
    return names.pop() if len(names) == 1 else None


def _with_factors(
    profile: StateProfile, gathered: Gathered, recording: Recording, counted: str | None
) -> StateProfile:
    direct = all(entry.is_output for call in recording.calls for entry in call.entries)
    if not direct:
        profile = replace(profile, between_gain=gathered.growth("entering"))
    if counted is not None:
        weight = gathered.gain("through_map", "at_map")
        step = gathered.gain("entering", "leaving")
        profile = replace(profile, weight_gain=weight, rest_gain=step - weight)
    return profile


def _remarks(name: str, recording: Recording) -> list[str]:
    words = []
    if recording.one_by_one:
        words.append(
            f"{name}: an operation within or between the steps cannot carry several errors at once, so that the loss "
            "steps were carried back one after the other."
        )
    if recording.goes_around:
        words.append(
            f"{name}: the state also goes around the step, by a mask or a residual for example. What the loss gets that way is "
            "counted from the call that put it out."
        )
    if not recording.in_lockstep:
        words.append(
            f"{name}: a step reads what earlier ones than the last put out; each way counts as the steps that it spans."
        )
    return words
