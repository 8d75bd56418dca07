r"""What a module's gradient by lag must be: its own forward pass, with a copy of a and b per step.

In the place of the package's scan stands a loop in which, for the output at step t, only what is made of the parameters
at step t - k has a graph. Whatever it is called with besides is cut off. So autograd's gradient is G_k, through the
package's own projections, convolutions and gates. Nothing of the library is used.
"""

from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode


class Wide(TorchFunctionMode):
    """Published blocks work in float32 in places, whatever their type; here they work in float64 throughout."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        function = torch.Tensor.double if function is torch.Tensor.float else function
        if kwargs.get("dtype") is torch.float32:
            kwargs["dtype"] = torch.float64
        args = [torch.float64 if arg is torch.float32 else arg for arg in args]
        return function(*args, **kwargs)


@contextmanager
def wide():
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with Wide():
            yield
    finally:
        torch.set_default_dtype(default)


def states_at_lag(step, factors, k):
    """(B, T, *S): the state after step t depends on its factors at step t - k alone.

    Args:
        step: (state, factors of one step) -> state.
        factors: (B, T, ·) each.
        k: the lag.
    """
    every = []
    for t in range(factors[0].shape[1]):
        state = 0.0
        for s in range(t + 1):
            state = step(state, [f[:, s] if s == t - k else f[:, s].detach() for f in factors])
        every.append(state)
    return torch.stack(every, 1)


def decaying(state, factors):
    a, b = factors
    return a * state + b


def at_outputs(model, modules, batch, loss):
    """(arguments, gradient of the loss by what it returned) of each module's call."""
    seen = {}

    def note(module, args, kwargs, output):
        first = output[0] if isinstance(output, tuple) else output
        seen[module] = [args, kwargs, None]
        first.register_hook(lambda grad: seen[module].__setitem__(2, grad))

    hooks = [m.register_forward_hook(note, with_kwargs=True) for m in modules]
    loss(model, batch).backward()
    for hook in hooks:
        hook.remove()
    model.zero_grad()
    return seen


def lag_parts(module, args, kwargs, error, scan_replaced, K):
    """G_0 .. G_{K-1} by parameter.

    Args:
        module: of the package.
        args: that it was called with.
        kwargs: by name.
        error: the gradient of the loss by its output.
        scan_replaced: context manager, called with the lag, in which the package's scan is the loop above.
        K: how many.
    """
    named = dict(module.named_parameters())

    def cut(value):
        return value.detach() if isinstance(value, torch.Tensor) else value

    args, kwargs = [cut(v) for v in args], {n: cut(v) for n, v in kwargs.items()}
    parts = {name: [] for name in named}
    for k in range(K):
        with scan_replaced(k):
            output = module(*args, **kwargs)
        output = output[0] if isinstance(output, tuple) else output
        grads = torch.autograd.grad(output, list(named.values()), error, allow_unused=True)
        for (name, parameter), grad in zip(named.items(), grads, strict=True):
            parts[name].append(torch.zeros_like(parameter) if grad is None else grad)
    return parts
