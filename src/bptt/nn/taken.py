"""Which calls the compiled loops take. Every other one is PyTorch's own, whose errors are then the user's too.

Looked at on each call, so it is short: a call that is not taken may be looked at longer, to say why.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.utils.rnn import PackedSequence
from torch.utils._device import DeviceContext

from bptt.kernels import whole_layer
from bptt.nn import transforms
from bptt.nn.call import Call, weight_shapes
from bptt.nn.pays import pays

DTYPES = (torch.float32, torch.float64)
KINDS = (Tensor, torch.nn.Parameter)  # a subclass has laws of its own
STRIDED = torch.strided
_left_alone = 0  # how many times over calls are PyTorch's own


@contextmanager
def pytorchs_own() -> Iterator[None]:
    """Within it every call is PyTorch's own: ``torch.gru`` and so on are seen by whoever watches them.

    >>> import torch, bptt.nn
    >>> layer, x = bptt.nn.GRU(3, 4), torch.ones(2, 1, 3)
    >>> with bptt.nn.pytorchs_own():
    ...     layer(x)[0].grad_fn.name().partition("Backward")[0]
    'Stack'
    """
    global _left_alone
    _left_alone += 1
    try:
        yield
    finally:
        _left_alone -= 1


def nobody_watches() -> bool:
    """Whether a call may run as it pleases: nobody traces it, changes its types or differentiates it forward."""
    return not (
        _left_alone
        or torch.is_autocast_enabled("cpu")
        or (torch._C._len_torch_function_stack() and not _devices_alone())
        or torch._C._len_torch_dispatch_stack()
        or torch._C._get_tracing_state()
        or forward_ad._current_level >= 0
        or (transforms.are_active() and not transforms.can_be_followed())
        or not whole_layer.available
    )


def weights_of(layer: Any) -> tuple[Tensor, ...]:
    """A layer's, as they act now."""
    weights, parameters = layer._flat_weights, layer._parameters
    for name, W in zip(layer._flat_weights_names, weights, strict=True):
        if parameters.get(name) is not W:  # computed from others, or put in its place
            layer._update_flat_weights()
            return tuple(layer._flat_weights)
    return tuple(weights)


Taken = tuple[Call, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]


def sequence(
    layer: Any, x: Any, hx: Any, weights: tuple[Tensor, ...] | None = None
) -> Taken | Literal[False] | None:
    """A call of a layer, what is read, the states and the weights; None if the loops cannot take it, False if they need not.

    Args:
        layer: what has the attributes of nn.RNN, nn.GRU or nn.LSTM.
        x: its inputs, (T, B, I), (B, T, I), (T, I) or packed.
        hx: its initial states, or None.
        weights: that act; its own if None.
    """
    batch_sizes, batch_first = None, False
    if isinstance(x, PackedSequence):
        x, batch_sizes, order, _ = x
        if x.dim() != 2 or batch_sizes.dtype is not torch.int64 or batch_sizes.sum() != len(x):
            return None
        if hx is not None and order is not None:
            hx = _reordered(hx, order)
        T, B = len(batch_sizes), int(batch_sizes[0])
    elif x.dim() == 3:
        batch_first = layer.batch_first
        T, B = x.shape[1::-1] if batch_first else x.shape[:2]
    elif x.dim() == 2:
        T, B = x.shape[0], 1
    else:
        return None
    H, levels, two = layer.hidden_size, layer.num_layers, layer.bidirectional
    if not pays(layer.mode, T, B, H, x.element_size()) and not transforms.are_active():
        return False
    if weights is None:
        weights = weights_of(layer)
    states = () if hx is None else tuple(hx) if layer.mode == "LSTM" else (hx,)
    count = levels * (1 + two)
    state_shape = (count, H) if x.dim() == 2 and batch_sizes is None else (count, B, H)
    call = Call(
        layer.mode, T, B, x.shape[-1], H, levels, two, layer.bias, len(states), state_shape, batch_first, batch_sizes
    )  # fmt: skip
    fit = not layer.proj_size and fits(call, layer.input_size, x, states, weights)
    return (call, x, states, weights) if fit else None


def cell(mode: str, x: Any, hx: Any, weights: tuple[Tensor, ...]) -> Taken | None:
    """The same of one step of a cell.

    Args:
        mode: as a layer of its kind has it.
        x: its inputs, (B, I) or (I,).
        hx: its state, or None.
        weights: that act, two or four.
    """
    shape, count = x.shape[:-1], len(weights)
    if len(shape) > 1 or not x.dim() or count not in (2, 4) or not mode:
        return None
    states = () if hx is None else tuple(hx) if mode == "LSTM" else (hx,)
    H = weights[1].shape[-1]
    call = Call(
        mode, 1, shape[0] if shape else 1, x.shape[-1], H, 1, False, count == 4, len(states), (*shape, H), is_cell=True
    )  # fmt: skip
    fit = fits(call, weights[0].shape[-1], x, states, weights)
    return (call, x, states, weights) if fit else None


def fits(
    call: Call, inputs: int, x: Tensor, states: tuple[Tensor, ...], weights: tuple[Tensor, ...]
) -> bool:
    """Whether types and shapes are those of the call, and numbers lie in this machine's memory as they are.

    Args:
        call: its sizes.
        inputs: size of x_t that the weights take.
        x: what is read.
        states: the initial ones.
        weights: of the layer.
    """
    dtype, count = x.dtype, call.states
    if dtype not in DTYPES or call.I != inputs or not x.numel() or count not in (0, call.parts):
        return False
    shapes = weight_shapes(call.mode, inputs, call.H, call.layers, 1 + call.two, call.biases)
    if len(weights) != len(shapes):
        return False
    wanted = (x.shape, *[call.state_shape] * count, *shapes)
    for tensor, shape in zip((x, *states, *weights), wanted, strict=True):
        if (
            type(tensor) not in KINDS
            or tensor.dtype is not dtype
            or tensor.shape != shape
            or not tensor.is_cpu
            or tensor.layout is not STRIDED
            or tensor.is_neg()
        ):
            return False
    return True


def why_not(layer: Any, x: Any, weights: Any) -> str | None:
    """Why a call was not taken, in words; None where PyTorch says it itself, or somebody asked for it."""
    x = x.data if isinstance(x, PackedSequence) else x
    if not whole_layer.available:
        return "the compiled loops are missing"
    if getattr(layer, "proj_size", 0):
        return "it has a projection"
    if not isinstance(x, Tensor):
        return None
    if not x.is_cpu:
        return f"it is on {x.device.type}"
    if torch.is_autocast_enabled("cpu"):
        return "autocast chooses its types"
    if x.dtype not in DTYPES:
        return f"its numbers are {str(x.dtype).removeprefix('torch.')}"
    if forward_ad._current_level >= 0:
        return "it is differentiated forward"
    strange = [t for t in (x, *weights) if isinstance(t, Tensor) and type(t) not in KINDS]
    if strange:
        return f"its tensors are of class {type(strange[0]).__name__}"
    return None


def _devices_alone() -> bool:
    """Whether the only modes are those of ``torch.set_default_device`` and ``with torch.device``."""
    modes = (
        torch._C._get_function_stack_at(i) for i in range(torch._C._len_torch_function_stack())
    )
    return all(isinstance(mode, DeviceContext) for mode in modes)


def _reordered(hx: Any, order: Tensor) -> Any:
    if isinstance(hx, Tensor):
        return hx.index_select(1, order)
    return tuple(state.index_select(1, order) for state in hx)
