"""One call of a module, measured: its states, the error at each of them, and every parameter's gradient by lag."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.diagnosis import Keep
from bptt.diagnosis.scans import MEAN, SLOWEST
from bptt.dynamics import Exponents, MemoryFunction
from bptt.errors import AgreementError, DTypeError, ResidualError
from bptt.gradients.by_lag import StateProfile
from bptt.presentation.progress import Update
from bptt.torch_models.decompose.bounds import Bounds
from bptt.torch_models.nonfinite.numbers import tensors
from bptt.torch_models.scans.calls import ScanCall, scan_of
from bptt.torch_models.scans.kinds.linear import Factors
from bptt.torch_models.scans.parameters import ToParameters
from bptt.torch_models.scans.scan import Scan
from bptt.torch_models.scans.some_sequences import (
    Some,
    asked_for,
    seconds_of_walk,
    that_fit,
    that_take,
)
from bptt.torch_models.scans.states import exponents, memory
from bptt.torch_models.scans.tally import ROUNDING, ScanTally
from bptt.torch_models.scans.walk import all_lags, walk

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class ScanLags:
    """One call of a module whose recurrence is known.

    Attributes:
        name: of the module in the model.
        path: the module's, "" for the model itself.
        kind: its class.
        profile: the gradient by lag of every parameter that acts through the states. The carry is all there is: what
            a step multiplies the state with.
        facts: numbers by name.
        keep: how a step is made to keep more of the state, as the adapter says; None if it does not.
        sequences: B, of the batch.
        exponents: leading Lyapunov exponents of the states; None of the delta rule, and of too few steps.
        memory: what the states remember of the module's input; None where it could not be fitted.
        some: the sequences that were taken apart; None for all.
        beside: norm of the part of each parameter's gradient that goes through no state: by the output projection, a
            gate on the output, or whatever else the module's output is made of.
        through_all: (K,) of several modules, log10 of the signal of the last loss step on these states, by lag counted
            through all of them; None of one module alone.
    """

    name: str
    path: str
    kind: str
    profile: StateProfile
    facts: dict[str, float]
    beside: dict[str, float]
    keep: Keep | None
    sequences: int
    exponents: Exponents | None
    memory: MemoryFunction | None
    some: Some | None = None
    through_all: Array | None = None

    @property
    def steps(self) -> int:
        """T."""
        table = self.profile.log10_signal_by_step
        assert table is not None  # a scan has one of every step
        return len(table)


def measured(
    call: ScanCall,
    whole: dict[str, Tensor | None],
    bounds: Bounds,
    update: Update | None = None,
    some: Some | None = None,
) -> ScanLags:
    """Take one call apart by lag.

    Args:
        call: with its error.
        whole: autograd's gradient by each parameter of the module, by name, of the user's own loss.
        bounds: of the measurement; its seconds are this module's.
        update: shows how far it has come.
        some: the sequences that were chosen, and that the call is of; None while it is of all.

    Raises:
        OptionError: if the adapter returns no Scan.
        DTypeError: if the module computes in half precision.
        AgreementError: if what it reads from the states is not what the module returned.
        ResidualError: if the lags do not add up to autograd's gradient.
    """
    error = torch.zeros_like(call.output) if call.error is None else call.error
    if some is None and (wanted := asked_for(call, bounds)) is not None:
        return measured(wanted.call(call), whole, bounds, update, wanted)
    scan = scan_of(call)
    recurrence = scan.recurrence
    choosing = some is None and bounds.sequences is None
    if choosing and (fitting := that_fit(call, recurrence, bounds)) is not None:
        return measured(fitting.call(call), whole, bounds, update, fitting)
    states = recurrence.states()
    immediate, beside, eps = _read(call, scan, states, error)
    to_parameters = ToParameters(recurrence, call.module)
    ready = recurrence.prepared(states)
    through = to_parameters.of(all_lags(recurrence, ready, immediate))
    names = dict(call.module.named_parameters())
    own = {name: grad for name, grad in through.items() if name in names}
    _check_whole(call, own, beside, whole, eps)
    steps = recurrence.steps
    K = steps if bounds.max_lag is None else min(steps, bounds.max_lag + 1)
    if choosing:
        seconds = seconds_of_walk(recurrence, ready, immediate, to_parameters, K)
        if (quick := that_take(call, seconds, bounds)) is not None:
            del states, ready, immediate
            return measured(quick.call(call), whole, bounds, update, quick)
    tally = ScanTally(through, every_lag=K == steps)

    def add(k: int, by_factor: Factors, e: int) -> None:
        tally.add(k, to_parameters.of(by_factor), e)
        if update is not None:
            update(k + 1, K)

    signals = walk(recurrence, ready, immediate, K, add)
    norms = {name: float(grad.abs().double().norm()) for name, grad in beside.items()}
    tally.check(eps, norms, call.name)
    profile = tally.profile(signals)
    return ScanLags(
        call.name,
        call.path,
        type(call.module).__name__,
        profile,
        _facts(scan),
        norms,
        scan.keep,
        len(states) if some is None else some.of,
        exponents(recurrence),
        memory(next(tensors((call.args, call.kwargs)), None), states),
        some,
    )


def _read(
    call: ScanCall, scan: Scan, states: Tensor, error: Tensor
) -> tuple[Tensor, dict[str, Tensor], float]:
    """The error at each state, the gradient by parameters that goes by no state, and eps of the types in use."""
    leaf = states.detach().requires_grad_()
    with torch.enable_grad():
        output = scan.read(leaf)
    for of, tensor in (("output", call.output), ("state", states)):
        if tensor.dtype in HALF:
            raise DTypeError(
                f"the {of} of {call.name}", "float32 or float64", str(tensor.dtype).removeprefix("torch."),
                "Measure a copy in float32, copy.deepcopy(model).float(), outside torch.autocast.",
            )  # fmt: skip
    eps = max(torch.finfo(t.dtype).eps for t in (output, call.output, states))
    _check_output(call, output, eps)
    named = {n: p for n, p in call.module.named_parameters() if p.requires_grad}
    grads = torch.autograd.grad(
        output, [leaf, *named.values()], error.to(output.dtype), retain_graph=True, allow_unused=True
    )  # fmt: skip
    immediate = torch.zeros_like(states) if grads[0] is None else grads[0]
    beside = {n: g for n, g in zip(named, grads[1:], strict=True) if g is not None}
    return immediate.contiguous(), beside, eps


def _check_output(call: ScanCall, output: Tensor, eps: float) -> None:
    cure = (
        "What read makes of the states must be what the module returned, the first tensor of it. "
    )
    if output.shape != call.output.shape:
        raise AgreementError(
            f"the adapter of {type(call.module).__name__}", f"an output of shape {tuple(call.output.shape)}",
            f"{tuple(output.shape)}", cure,
        )  # fmt: skip
    size = float(call.output.abs().max()) if call.output.numel() else 0.0
    off = float((output.detach() - call.output).abs().max()) if call.output.numel() else 0.0
    if not off <= 3 * ROUNDING * eps * max(size, 1e-30):
        raise AgreementError(
            f"the adapter of {type(call.module).__name__}", f"what the module returned, to {3 * ROUNDING * eps:.0e} of it",
            f"a difference of {off / max(size, 1e-30):.1e}",
            f"{cure}Dropout within the module: call model.eval(), or set its rate to 0. Another version of the package "
            "may compute something else.",
        )  # fmt: skip


def _check_whole(
    call: ScanCall,
    through: dict[str, Tensor],
    beside: dict[str, Tensor],
    whole: dict[str, Tensor | None],
    eps: float,
) -> None:
    """Compare with autograd's gradient; where that is of several calls, with that of this call run by itself."""
    if _worst(through, beside, whole)[1] <= ROUNDING * eps:
        return
    name, off = _worst(through, beside, _by_itself(call))
    if not off <= ROUNDING * eps:
        raise ResidualError(
            f"{call.name}.{name}", f"autograd's gradient, to {ROUNDING * eps:.0e}", f"a difference of {off:.1e}",
            "The adapter must make everything of the module's parameters and inputs as the module does, with its "
            "graph: nothing detached, and no parameter left out.",
        )  # fmt: skip


def _worst(
    through: dict[str, Tensor], beside: dict[str, Tensor], whole: dict[str, Tensor | None]
) -> tuple[str, float]:
    """The parameter whose two parts are furthest from the whole, relative to the largest."""
    off: dict[str, float] = {}
    size = 0.0  # of the largest: a gradient that cancels to zero is rounding, whatever it is compared with
    for name, all_of_it in whole.items():
        parts = [part[name] for part in (through, beside) if name in part]
        if all_of_it is None and not parts:
            continue
        like = parts[0] if all_of_it is None else all_of_it
        left = (torch.zeros_like(like) if all_of_it is None else all_of_it).clone()
        own = float(left.abs().max())
        for part in parts:
            left -= part
            own += float(part.abs().max())
        off[name], size = float(left.abs().max()), max(size, own)
    name = max(off, key=lambda each: off[each] if off[each] == off[each] else math.inf, default="")
    return name, off[name] / size if size else 0.0


def _by_itself(call: ScanCall) -> dict[str, Tensor | None]:
    """Autograd's gradient by the module's parameters of this call alone."""
    named = {n: p for n, p in call.module.named_parameters() if p.requires_grad}
    with torch.enable_grad():
        returned = call.module(*call.args, **call.kwargs)
        output = (
            returned
            if isinstance(returned, Tensor)
            else next(r for r in returned if isinstance(r, Tensor))
        )
    grads = torch.autograd.grad(output, list(named.values()), call.error, allow_unused=True)
    return dict(zip(named, grads, strict=True))


def _facts(scan: Scan) -> dict[str, float]:
    recurrence = scan.recurrence
    factors = {name: value.detach() for name, value in recurrence.factors.items()}
    a = recurrence.carry(factors).abs()
    facts = {
        MEAN: float(a.double().mean()),
        SLOWEST: float(a.double().mean((0, 1)).max()),
    }
    return facts | recurrence.facts(factors) | scan.facts
