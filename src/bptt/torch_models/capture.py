"""One forward and backward of the user's own loss, and what it shows of every recurrent layer.

Each call of a recurrent module hands out aliases of its outputs. The gradient at an alias is the immediate one,
∂⁺E/∂h: what the user's own computation sends to the states, without what comes back through the recurrence.
Where a final state comes in again as the next call's initial state (cells in a loop, chunks of a sequence),
the module gets the state itself and not the alias, and the two calls are one sequence.

The model is left as it was found.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from bptt.errors import OptionError
from bptt.torch_models.convert import CellModule, Module
from bptt.torch_models.eagerly import eagerly
from bptt.torch_models.untouched import untouched

Loss = Callable[[nn.Module, Any], Tensor]


@dataclass(eq=False)
class Call:
    """One call of a recurrent module.

    Attributes:
        module: the module.
        x: what came in, as it came: a tensor or a PackedSequence.
        states: the initial states, (h,) or (h, c), or None.
        rng: the state of the random numbers that the dropout between levels was drawn from, or None.
        previous: the call whose final states came in, or None.
        out: alias of the output sequence's numbers; of a cell of the new h.
        final: aliases of the final states, (h_n,) or (h_n, c_n); of a cell the same as ``out`` first.
        errors: the immediate gradient at ``out`` and ``final``, after the backward pass; None for zero.
    """

    module: Any
    x: Any
    states: tuple[Tensor, ...] | None
    rng: Tensor | None
    previous: "Call | None"
    out: Tensor = field(init=False)
    final: tuple[Tensor, ...] = field(init=False)
    raw: tuple[Tensor, ...] = field(init=False)
    errors: tuple[Tensor | None, ...] = field(init=False)

    @property
    def reached(self) -> bool:
        """Whether the loss sent anything back to it."""
        return any(error is not None and bool(error.any()) for error in self.errors)

    @property
    def is_cell(self) -> bool:
        """Whether this is one step of a cell."""
        return isinstance(self.module, CellModule)


@dataclass(eq=False)
class Captured:
    """A model's recurrent layers on one batch.

    Attributes:
        calls: by the module's name in the model, in order.
        E: the loss.
        weights: (module's name, parameter's name) to the gradient, autograd's.
    """

    calls: dict[str, list[Call]]
    E: float
    weights: dict[tuple[str, str], Tensor | None]


def recurrent_modules(model: nn.Module) -> dict[str, Any]:
    """nn.RNN, nn.LSTM, nn.GRU and their cells within a model, by name; "" for the model itself.

    Raises:
        OptionError: if there is none.
    """
    modules = {n: m for n, m in model.named_modules() if isinstance(m, Module | CellModule)}
    if not modules:
        raise OptionError(
            "model", "a module with nn.RNN, nn.LSTM, nn.GRU or one of their cells in it",
            type(model).__name__, "For a recurrence of your own, use bptt.torch_models.by_lag.",
        )  # fmt: skip
    return modules


def capture(model: nn.Module, batch: Any, loss: Loss) -> Captured:
    """Run loss(model, batch), forward and backward, and keep what the recurrent layers saw.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.

    Raises:
        OptionError: if the model has no recurrent layer, or the loss is no number or does not depend on
            any of them.
    """
    modules = recurrent_modules(model)
    recorder = _Recorder()
    with ExitStack() as stack:
        stack.enter_context(untouched(model, modules.values()))
        stack.enter_context(eagerly(model))
        for module in modules.values():
            stack.enter_context(recorder.listening(module))
        stack.enter_context(torch.enable_grad())
        # The fused kernels of cuDNN give no gradient in eval mode; PyTorch's own loops do.
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        E = loss(model, batch)
        if not isinstance(E, Tensor) or E.numel() != 1:
            raise OptionError(
                "loss", "a function of (model, batch) that returns one number, a tensor",
                f"shape {tuple(E.shape)}" if isinstance(E, Tensor) else type(E).__name__,
                "Return the loss before .backward().",
            )  # fmt: skip
        aliases = [alias for call in recorder.calls for alias in (call.out, *call.final)]
        names = [
            (n, name) for n, m in modules.items() for name, _ in m.named_parameters(recurse=False)
        ]
        weights = [modules[n].get_parameter(name) for n, name in names]
        if not recorder.calls or not E.requires_grad:
            raise _independent()
        grads = torch.autograd.grad(E, aliases + weights, allow_unused=True)
    at = iter(grads)
    for call in recorder.calls:
        call.errors = tuple(next(at) for _ in (call.out, *call.final))
    if not any(call.reached for call in recorder.calls):
        raise _independent()
    calls = {n: [c for c in recorder.calls if c.module is m] for n, m in modules.items()}
    return Captured(calls, float(E.detach()), dict(zip(names, at, strict=True)))


def _independent() -> OptionError:
    return OptionError(
        "loss", "one that depends on the recurrent layer", "one that does not",
        "Call the model in it, outside torch.no_grad(), and use what comes out.",
    )  # fmt: skip


class _Recorder:
    """Hooks that write down every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.final_of: dict[int, tuple[Call, int]] = {}  # id of an alias: whose final state, which
        self.continued: set[int] = set()  # id of calls that another one goes on from

    @contextmanager
    def listening(self, module: Any) -> Iterator[None]:
        before = module.register_forward_pre_hook(self._before, with_kwargs=True)
        after = module.register_forward_hook(self._after, with_kwargs=True, prepend=True)
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def _before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x = args[0] if args else next(iter(kwargs.values()))
        hx = args[1] if len(args) > 1 else kwargs.get("hx")
        states = None if hx is None else hx if isinstance(hx, tuple) else (hx,)
        previous = None if states is None else self._continues(module, x, states)
        if previous is not None:
            self.continued.add(id(previous))
            states = previous.raw
            goes_on = states if isinstance(hx, tuple) else states[0]
            if len(args) > 1:
                args = (args[0], goes_on, *args[2:])
            else:
                kwargs = kwargs | {"hx": goes_on}
        draws = getattr(module, "dropout", 0.0) > 0 and module.training and module.num_layers > 1
        rng = _random_state(module) if draws else None
        self.calls.append(Call(module, x, states, rng, previous))
        return args, kwargs

    def _continues(self, module: Any, x: Any, states: tuple[Tensor, ...]) -> Call | None:
        """The call whose final states these are, if this one goes on from it."""
        known = [self.final_of.get(id(state)) for state in states]
        if None in known:
            return None
        calls = {id(entry[0]) for entry in known if entry}
        parts = [entry[1] for entry in known if entry]
        entry = known[0]
        if entry is None or len(calls) > 1 or parts != list(range(len(states))):
            return None
        call = entry[0]
        fits = call.module is module and id(call) not in self.continued
        fits = fits and not getattr(module, "bidirectional", False)
        fits = fits and not isinstance(x, PackedSequence) and not isinstance(call.x, PackedSequence)
        return call if fits else None

    def _after(self, module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        call = self.calls[-1]
        if call.is_cell:
            call.raw = output if isinstance(output, tuple) else (output,)
            call.final = tuple(state.view_as(state) for state in call.raw)
            call.out = call.final[0]
            given: Any = call.final if isinstance(output, tuple) else call.final[0]
        else:
            sequence, final = output
            call.raw = final if isinstance(final, tuple) else (final,)
            call.final = tuple(state.view_as(state) for state in call.raw)
            packed = isinstance(sequence, PackedSequence)
            numbers = sequence.data if packed else sequence
            call.out = numbers.view_as(numbers)
            handed = sequence._replace(data=call.out) if packed else call.out
            given = (handed, call.final if isinstance(final, tuple) else call.final[0])
        for part, alias in enumerate(call.final):
            self.final_of[id(alias)] = call, part
        return given


def _random_state(module: Any) -> Tensor:
    device = next(module.parameters()).device
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
