"""The calls of PyTorch's recurrent functions, seen while a model runs.

nn.RNN, nn.LSTM, nn.GRU and their cells end in a few functions, torch.lstm and so on. These are what is watched: with
the tensors that act, whichever way a parametrisation, a dropout of the weights or a subclass made them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from bptt.arrays import Array
from bptt.nn import is_accelerated
from bptt.nn.functional import accelerated
from bptt.torch_models.capture.again import Again, computing
from bptt.torch_models.capture.gates import Gate
from bptt.torch_models.capture.in_pieces import in_pieces
from bptt.torch_models.capture.room import Room, Size
from bptt.torch_models.convert import ActingLayers

OVER_SEQUENCES = {
    torch.lstm: "lstm", torch.gru: "gru", torch.rnn_tanh: "rnn_tanh", torch.rnn_relu: "rnn_relu",
}  # fmt: skip
OF_CELLS = {
    torch.lstm_cell: "lstm", torch.gru_cell: "gru",
    torch.rnn_tanh_cell: "rnn_tanh", torch.rnn_relu_cell: "rnn_relu",
}  # fmt: skip


@dataclass(eq=False)
class Call:
    """One call of a recurrent function.

    Attributes:
        index: its place among all calls.
        path: name of the module in the model.
        module: the module, or None where only the path of its weights is known.
        acting: the weights that acted, each an alias of this call's own.
        shared: aliases of the same weights that all calls share which were given the same tensors.
        is_cell: whether this is one step of a cell.
        batch_first: whether x and the outputs are (B, T, ·).
        dropout: between levels, in this call.
        x: what came in, (T, B, I), (B, T, I), of a cell (B, I), or packed (·, I).
        batch_sizes: of packed inputs, or None.
        states: the initial ones, (layers, B, ·), of a cell (B, ·): (h,) or (h, c).
        rng: the state of the random numbers that the dropout was drawn from, or None.
        outputs: what PyTorch computed: of a sequence its outputs and final states, of a cell the new states.
        state_gate: that the initial states passed, with ``gated``; None where they need no gradient.
        gated: which of ``states`` passed it.
        input_gate: that the inputs passed, or None.
        out: the gate that the outputs passed.
        of: the call that this one is a part of, and which of its sequences; None for one that was made.
        again: computes outputs from inputs, batch sizes, initial states and weights; None where that takes more than these:
            random numbers, or the types of an autocast.
    """

    index: int
    path: str
    module: Any
    acting: ActingLayers
    shared: tuple[Tensor, ...]
    is_cell: bool
    batch_first: bool
    dropout: float
    x: Tensor
    batch_sizes: Tensor | None
    states: tuple[Tensor, ...]
    rng: Tensor | None
    outputs: tuple[Tensor, ...]
    state_gate: Gate | None
    gated: tuple[int, ...]
    input_gate: Gate | None
    out: Gate
    of: "tuple[Call, Array] | None" = None
    again: Again | None = None

    @property
    def final(self) -> slice:
        """Which of ``outputs`` are the final states."""
        return slice(0 if self.is_cell else 1, None)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Steps of each sequence."""
        if self.is_cell:
            return (1,) * len(self.x)
        if self.batch_sizes is None:
            T, B = (1, 0) if self.batch_first else (0, 1)
            return (self.x.shape[T],) * self.x.shape[B]
        sizes = self.batch_sizes.tolist()
        return tuple(sum(size > b for size in sizes) for b in range(sizes[0]))

    def acts_as(self, other: "Call") -> bool:
        """Whether the other is a call of the same module with the same weights."""
        return (
            self.path == other.path
            and len(self.shared) == len(other.shared)
            and all(
                a is b or torch.equal(a, b) for a, b in zip(self.shared, other.shared, strict=True)
            )
        )

    @property
    def steps(self) -> int:
        """Of the longest sequence."""
        return max(self.lengths)


class Calls(TorchFunctionMode):
    """Within it every call of a recurrent function is written down.

    Args:
        modules: the recurrent modules by name.
        model: in which weights that belong to none of them are looked up.
        room: bytes that the pass may take; of a call for which autograd would keep more than is left of them it keeps
            nothing but inputs and outputs. None for any number.
    """

    def __init__(self, modules: dict[str, Any], model: nn.Module, room: Room | None = None) -> None:
        super().__init__()
        self.modules, self.model, self.room = modules, model, room
        self.taken = self.left = 0.0  # bytes, by the calls so far: during the pass, and afterwards
        self.calls: list[Call] = []
        self.entered: dict[str, int] = {}  # how often each module was called
        self._within: list[str] = []
        self._shared: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}  # a weight and its alias
        self._paths: dict[int, str] | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it the calls are seen, and whose they are."""
        with ExitStack() as stack:
            for path, module in self.modules.items():
                stack.callback(self._follow(path, module))
            stack.enter_context(self)
            yield

    def _follow(self, path: str, module: Any) -> Any:
        def before(module: Any, args: Any) -> None:
            self._within.append(path)
            self.entered[path] = self.entered.get(path, 0) + 1

        def after(module: Any, args: Any, output: Any) -> None:
            self._within.pop()

        # The first to come in and the last to go: other hooks may call the module's functions too.
        handles = (
            module.register_forward_pre_hook(before, prepend=True),
            module.register_forward_hook(after, always_call=True),
        )
        return lambda: [handle.remove() for handle in handles]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call it; a recurrent function through gates, if anything could be learnt from it."""
        kwargs = kwargs or {}
        if kwargs or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        if func in OVER_SEQUENCES:
            return self._sequence(func, OVER_SEQUENCES[func], *args)
        if func in OF_CELLS:
            return self._cell(func, OF_CELLS[func], *args)
        return func(*args)

    def _sequence(self, func: Any, mode: str, *args: Any) -> Any:
        is_packed = isinstance(args[3], tuple | list)
        if is_packed:
            data, batch_sizes, hx, weights, biases, layers, dropout, train, two = args
            batch_first = False
        else:
            data, hx, weights, biases, layers, dropout, train, two, batch_first = args
            batch_sizes = None
        path = self._whose(weights[1])
        func = self._as_computed(func, path)
        shared = self._aliases(path, weights)
        own = _own(shared)
        acting = ActingLayers(mode, own, biases, layers, two)
        dropout = dropout if train and layers > 1 else 0.0
        rng = _random_state(data) if dropout else None
        states = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
        x, input_gate = _gated((data,))
        entered, state_gate = _gated(states)
        rest = (biases, layers, dropout, train, two)

        paired = isinstance(hx, tuple | list)
        again = computing(func, rest, paired=paired, batch_first=batch_first)

        def run(
            x: Tensor, states: tuple[Tensor, ...], weights: tuple[Tensor, ...]
        ) -> tuple[Tensor, ...]:
            return again(x, batch_sizes, states, weights)

        plain = rng is None and not torch.is_autocast_enabled(data.device.type)
        cut = plain and not is_packed
        size = self._piece(data, batch_sizes, batch_first, acting, can_be_cut=cut)
        if size is not None:
            outputs = in_pieces(run, size, 0 if batch_first else 1, x[0], entered, own)
        else:
            outputs = run(x[0], entered, own)
        return self._record(
            path, acting, shared, False, batch_first, dropout, data, batch_sizes, states, rng,
            outputs, state_gate, input_gate, again if plain else None,
        )  # fmt: skip

    def _piece(
        self, x: Tensor, batch_sizes: Tensor | None, batch_first: bool, acting: ActingLayers, *, can_be_cut: bool
    ) -> int | None:  # fmt: skip
        """How many sequences at a time stay within the memory; None for all."""
        if batch_sizes is None:
            steps, B = x.shape[:2][:: -1 if batch_first else 1]
            rows = steps * B
        else:
            rows, steps, B = len(x), len(batch_sizes), int(batch_sizes[0])
        own = Size.of(x, rows, steps, B, acting)
        piece = None
        if self.room is not None:
            piece = self.room.piece(own, self.taken, can_be_cut=can_be_cut)
        self.taken += own.around + (own.kept + own.nodes if piece is None else 0)
        self.left += own.left
        return piece

    def _cell(self, func: Any, mode: str, data: Tensor, hx: Any, *weights: Tensor | None) -> Any:
        present = tuple(W for W in weights if W is not None)
        path = self._whose(present[1])
        shared = self._aliases(path, present)
        own = _own(shared)
        states = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
        x, input_gate = _gated((data,))
        entered, state_gate = _gated(states)
        given = entered if isinstance(hx, tuple | list) else entered[0]
        outputs = func(x[0], given, *own, *[None] * (len(weights) - len(own)))
        is_alone = isinstance(outputs, Tensor)
        handed = self._record(
            path, ActingLayers(mode, own, len(own) > 2), shared, True, False, 0.0, data, None, states, None,
            (outputs,) if is_alone else outputs, state_gate, input_gate,
        )  # fmt: skip
        return handed[0] if is_alone else handed

    def _record(
        self, path: str, acting: ActingLayers, shared: tuple[Tensor, ...], is_cell: bool, batch_first: bool, dropout: float,
        x: Tensor, batch_sizes: Tensor | None, states: tuple[Tensor, ...], rng: Tensor | None,
        outputs: tuple[Tensor, ...], state_gate: Gate | None, input_gate: Gate | None, again: Again | None = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        out = Gate(tuple(outputs))
        gated = tuple(n for n, state in enumerate(states) if state.requires_grad)
        call = Call(
            len(self.calls), path, self.modules.get(path), acting, shared, is_cell, batch_first,
            dropout, x.detach().clone(), batch_sizes,
            tuple(state.detach().clone() for state in states), rng,
            tuple(output.detach() for output in outputs), state_gate, gated, input_gate, out, again=again,
        )  # fmt: skip
        self.calls.append(call)
        return out.handed_over()

    def _aliases(self, path: str, weights: Any) -> tuple[Tensor, ...]:
        """What stands for the weights in the calls of one module: other uses of them do not count."""
        for W in weights:
            if (path, id(W)) not in self._shared:
                alias = W.view_as(W) if W.requires_grad else W.detach().requires_grad_()
                self._shared[path, id(W)] = W, alias
        return tuple(self._shared[path, id(W)][1] for W in weights)

    def _as_computed(self, func: Any, path: str) -> Any:
        """The function as the module computes it where nobody watches: an accelerated one by our loops."""
        return accelerated(func) if is_accelerated(self.modules.get(path)) else func

    def _whose(self, weight: Tensor) -> str:
        """The path of the module that is being called, or whose weight this is."""
        if self._within:
            return self._within[-1]
        if self._paths is None:
            named = self.model.named_parameters(remove_duplicate=False)
            self._paths = {id(p): name.rpartition(".")[0] for name, p in named}
        return self._paths.get(id(weight), "")


def _own(weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Aliases that belong to one call, so that autograd tells the gradient by this call's weights."""
    return tuple(W.view_as(W) for W in weights)


def _gated(tensors: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Gate | None]:
    """The tensors, those that need a gradient behind a gate."""
    needing = [tensor for tensor in tensors if tensor.requires_grad]
    if not needing:
        return tensors, None
    gate = Gate(tuple(needing))
    passed = iter(gate.out)
    return tuple(next(passed) if t.requires_grad else t for t in tensors), gate


def _random_state(tensor: Tensor) -> Tensor:
    return torch.cuda.get_rng_state(tensor.device) if tensor.is_cuda else torch.get_rng_state()
