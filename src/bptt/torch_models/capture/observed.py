"""One forward pass of the user's own loss, and what autograd says of every recurrent call in it.

Immediate errors ∂⁺E/∂state are what reaches a call's outputs without a step of its chain: neither through the states
that another call took up, nor through inputs that are made of the chain's own outputs. What does come by way of such
inputs, and is not carried with its lag, is kept apart (``past``): its lag is counted from the step that read it.

The model is left as it was found.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from bptt.errors import OptionError
from bptt.torch_models.as_found import eagerly, is_pytorchs, untouched
from bptt.torch_models.capture.calls import Call, Calls
from bptt.torch_models.capture.carry import at_outputs, gradients, shut
from bptt.torch_models.capture.joins import Chain, chains_of, join
from bptt.torch_models.capture.room import Room, resident
from bptt.torch_models.convert import CellModule, Module

Loss = Callable[[nn.Module, Any], Tensor]
Errors = dict[int, list[Tensor | None]]  # by the call's index: one per output, None for zero


@dataclass(eq=False)
class Captured:
    """A model's recurrent calls on one batch.

    Attributes:
        chains: the calls, by what goes on from what.
        E: the loss.
        root: the same with its graph.
        immediate: the error at each call's outputs that no other call of its chain sent.
        past: the part of it that came by way of an input of the chain.
        at_states: the whole gradient at the states that each call was given, by its index; None for none.
        weights: the gradient by each weight that acted, through recurrent calls alone, by the id of its alias.
        modules: the recurrent modules by name.
        unseen: modules that were called and computed by themselves, with their class.
        held: bytes that stand for it, about, from the shapes of the calls; with the graph where that is kept.
        grown: bytes by which the process grew in the forward pass.
    """

    chains: list[Chain]
    E: float
    root: Tensor
    immediate: Errors
    past: Errors
    at_states: Errors
    weights: dict[int, Tensor | None]
    modules: dict[str, Any]
    unseen: dict[str, str]
    held: float
    grown: float

    @property
    def calls(self) -> list[Call]:
        """All of them, in order."""
        calls = [call for chain in self.chains for call in chain.calls]
        return sorted(calls, key=lambda call: call.index)


class NotPyTorchs(OptionError):
    """No layer of the model computes what PyTorch's recurrent layers do."""


def recurrent_modules(model: nn.Module) -> dict[str, Any]:
    """nn.RNN, nn.LSTM, nn.GRU and their cells within a model, by name; "" for the model itself.

    Raises:
        OptionError: if there is none.
    """
    modules = {n: m for n, m in model.named_modules() if isinstance(m, Module | CellModule)}
    if not modules:
        kind = type(model)
        raise NotPyTorchs(
            "model", "a module with PyTorch's nn.RNN, nn.LSTM, nn.GRU or one of their cells in it",
            f"{kind.__module__}.{kind.__qualname__}",
            "Name the module of one step of a recurrence of your own, bptt.diagnose(..., recurrent=\"core.cell\"), or use "
            "bptt.torch_models.by_lag.",
        )  # fmt: skip
    return modules


def one_number(E: Any) -> None:
    """Refuse a loss that is none.

    Raises:
        OptionError: saying what it is.
    """
    if not isinstance(E, Tensor) or E.numel() != 1:
        raise OptionError(
            "loss", "a function of (model, batch) that returns one number, a tensor",
            f"shape {tuple(E.shape)}" if isinstance(E, Tensor) else type(E).__name__,
            "Return the loss before .backward().",
        )  # fmt: skip


@contextmanager
def capturing(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    *,
    flat_too: bool = False,
    keep_graph: bool = True,
    room: Room | None = None,
) -> Iterator[Captured]:
    """Run loss(model, batch) forward; within it, errors can be carried through its graph.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        flat_too: whether a gradient that is zero everywhere is a result.
        keep_graph: False lets go of what autograd keeps as soon as nothing more can be asked of it: where no call goes
            on from another.
        room: bytes that the pass may take, see ``Calls``; None for any number.

    Raises:
        OptionError: if the model has no recurrent layer, or the loss is no number, does not depend on any of
            them, or has a gradient of zero.
    """
    modules = recurrent_modules(model)
    recorder = Calls(modules, model, room)
    with ExitStack() as stack:
        stack.enter_context(untouched(model))
        stack.enter_context(eagerly(model))
        stack.enter_context(torch.enable_grad())
        # The fused kernels of cuDNN give no gradient in eval mode; PyTorch's own loops do.
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        before = resident()
        with recorder.watching():
            E = loss(model, batch)
        grown = resident() - before
        one_number(E)
        unseen = _unseen(recorder)
        if not recorder.calls or not E.requires_grad:
            raise _of_their_own(unseen) if unseen and not recorder.calls else _independent()
        yield _captured(E, recorder, unseen, flat_too, keep_graph, grown)


def _captured(
    E: Tensor,
    recorder: Calls,
    unseen: dict[str, str],
    flat_too: bool,
    keep_graph: bool,
    grown: float,
) -> Captured:
    calls, one = recorder.calls, [torch.ones_like(E)]
    shared = {id(W): W for call in calls for W in call.shared}
    gated = [call for call in calls if call.state_gate is not None]
    edges = [edge for call in gated for edge in call.state_gate.edges]  # type: ignore[union-attr]
    edges += [edge for call in calls for edge in call.out.edges]
    chains = chains_of(calls)
    apart = [c for c in chains if any(s.feeds or s.call.state_gate is not None for s in c.starts)]
    joined = any(start.before for chain in chains for start in chain.starts)
    keep_graph = keep_graph or joined or bool(apart)
    wanted = [*map(get_gradient_edge, shared.values()), *edges]
    grads = iter(gradients([E], one, wanted, keep_graph=keep_graph))
    weights = {name: next(grads) for name in shared}
    at_states = {call.index: [next(grads) for _ in call.gated] for call in gated}
    # Of a chain in which no gate is to be shut this is all that reaches its calls.
    immediate: Errors = {call.index: [next(grads) for _ in call.out.edges] for call in calls}
    past: Errors = {}
    for chain in chains:  # what is found of an operation here was asked of it before: its gradient may be had once only
        join(chain)
    for chain in apart:
        own, by_inputs = _immediate(E, chain)
        immediate |= own
        past |= by_inputs
    captured = Captured(
        chains, float(E.detach()), E, immediate, past, at_states, weights, recorder.modules, unseen,
        max(recorder.left, grown) if keep_graph else recorder.left, grown,
    )  # fmt: skip
    arrived = [grad for grads in immediate.values() for grad in grads if grad is not None]
    if not arrived:
        raise _independent()
    if not flat_too and not any(bool(grad.any()) for grad in arrived):
        raise OptionError(
            "loss", "a gradient that is not zero", "one that is zero at every state",
            "The loss depends on the recurrent layer, but here it is flat: CTC with zero_infinity and targets "
            "longer than the outputs, a clamp or a hinge beyond its limit, or a mask of zeros do that. Use "
            "another batch.",
        )  # fmt: skip
    return captured


def _immediate(E: Tensor, chain: Chain) -> tuple[Errors, Errors]:
    """The immediate errors at every call of a chain, and those that came by its inputs."""
    calls, one = chain.calls, [torch.ones_like(E)]
    gates = [start.call.input_gate for start in chain.starts if start.feeds]
    read = [s.call.input_gate for s in chain.starts if s.feeds == "past" and s.call.input_gate]
    at_inputs = gradients([E], one, [gate.edges[0] for gate in read])
    past: Errors = {}
    with shut([*(call.state_gate for call in calls), *gates]):
        immediate = at_outputs([E], one, calls)
        sent = [(g, error) for g, error in zip(read, at_inputs, strict=True) if error is not None]
        if sent:
            entries = [gate.entries[0] for gate, _ in sent]
            by_inputs = at_outputs(entries, [error for _, error in sent], calls)
            past = {call.index: grads for call, grads in zip(calls, by_inputs, strict=True)}
    own = {call.index: grads for call, grads in zip(calls, immediate, strict=True)}
    for index, grads in past.items():
        own[index] = [
            b if a is None else a if b is None else a + b
            for a, b in zip(own[index], grads, strict=True)
        ]
    return own, past


def _unseen(recorder: Calls) -> dict[str, str]:
    """Modules whose forward is their own, and calls none of PyTorch's recurrent functions."""
    seen = {call.path for call in recorder.calls}
    return {
        path: type(recorder.modules[path]).__name__
        for path in recorder.entered
        if path not in seen and not is_pytorchs(recorder.modules[path])
    }


def of_its_own(path: str) -> str:
    """How to measure a module with a forward pass of its own, in a sentence."""
    name = f"model.{path}" if path else "model"
    return (
        f"Where it is called once per time step, bptt.diagnose(..., recurrent={path!r}) measures it. If not, measure its "
        f"step with bptt.torch_models.by_lag(step, dict({name}.named_parameters()), x, state0, dstate), where step = "
        f"lambda params, x, state: torch.func.functional_call({name}, params, (x, state))."
    )


def _of_their_own(unseen: dict[str, str]) -> OptionError:
    path, kind = next(iter(unseen.items()))
    return NotPyTorchs(
        "model", "recurrent layers that compute what PyTorch's do",
        f"{path or 'the model'}, a {kind} with a forward of its own", of_its_own(path),
    )  # fmt: skip


def _independent() -> OptionError:
    return OptionError(
        "loss", "one that depends on the recurrent layer", "one that does not",
        "Call the model in it, outside torch.no_grad(), and use what comes out.",
    )  # fmt: skip
