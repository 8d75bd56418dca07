r"""Any recurrence: the gradient by lag of a step function of one's own.

    state_t = step(params, x_t, state_{t-1}),     G_k = Σ_t (∂state_{t-k}/∂params)ᵀ d_{t, t-k}

d_{t, s} is the error of the loss at step t, carried back to the state after step s. The errors of all loss
steps are carried back together: all (step, sequence) pairs are one batch of one call of ``step``, whose
vector-Jacobian product takes them one lag further each time. Nothing but that one call is differentiated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array, as_whole
from bptt.errors import OptionError, ResidualError, ShapeError

State = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class StepLags:
    """The gradient by lag of every parameter of a step.

    Attributes:
        grads: the whole gradient by parameter, Σ_k G_k.
        norm: (K,) ‖G_k‖ by parameter.
        share: (K,) signed share ⟨G_k, grad⟩ / ‖grad‖² by parameter; all lags together give 1.
        signal: (K,) RMS norm of the error of the state at lag k, over the (step, sequence) pairs it reached.
        residual: by parameter, how far an ordinary backward pass is from the sum, relative.
        matrices: every G_k, (K, ·) by parameter; None unless kept.
    """

    grads: dict[str, Array]
    norm: dict[str, Array]
    share: dict[str, Array]
    signal: Array
    residual: dict[str, float]
    matrices: dict[str, Array] | None

    def horizon(self, name: str, share: float = 0.95) -> int:
        """Lags 0..horizon hold that part of Σ‖G_k‖ of a parameter."""
        total = np.cumsum(self.norm[name])
        return int(np.searchsorted(total, share * total[-1]))


def by_lag(
    step: Callable[[Mapping[str, Tensor], Tensor, Any], Any],
    params: Mapping[str, Tensor],
    x: Tensor,
    state0: Any,
    dstate: Any,
    max_lag: int | None = None,
    keep_matrices: bool = False,
) -> StepLags:
    """Split the gradient of a recurrence of your own by how far back in time each part comes from.

    Args:
        step: step(params, x_t, state) -> the next state, for x_t (B, I) and a state (B, H), or a tuple
            of such tensors. The rows of a batch must not meet: no batch normalisation in it.
        params: tensors by name.
        x: (T, B, I) inputs, time first.
        state0: the state before the first step.
        dstate: immediate gradient ∂⁺E/∂state_t of every step, (T, B, H); a tuple where the state is one,
            None for a part that the loss does not see.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        keep_matrices: keep every G_k.

    Raises:
        OptionError: if ``step`` does not return a state of the same shapes, or max_lag is no whole number
            from 0.
        ShapeError: if dstate does not have the states' shapes.
        ResidualError: if the lags, where all were computed, do not add up to an ordinary backward pass.

    >>> import torch
    >>> from bptt.torch_models import by_lag
    >>> def leaky(params, x, h):
    ...     return 0.9 * h + 0.1 * torch.tanh(x @ params["W_F"].T + h @ params["W_R"].T)
    >>> generator = torch.Generator().manual_seed(0)
    >>> def some(*shape):
    ...     return torch.randn(*shape, generator=generator, dtype=torch.float64)
    >>> params = {"W_F": some(8, 3), "W_R": some(8, 8)}
    >>> lags = by_lag(leaky, params, some(40, 2, 3), torch.zeros(2, 8).double(), some(40, 2, 8))
    >>> lags.norm["W_R"].shape, lags.residual["W_R"] < 1e-12
    ((40,), True)
    """
    if max_lag is not None:
        max_lag = as_whole("max_lag", max_lag, least=0)
    params = {name: value.detach() for name, value in params.items()}
    x = x.detach()
    first, d = _parts(state0), _parts(dstate)
    T, B = x.shape[:2]
    before = _states(step, params, x, first)
    d = tuple(
        torch.zeros_like(s) if part is None else part.detach()
        for s, part in zip(before, d, strict=True)
    )
    for part, s in zip(d, before, strict=True):
        if part.shape != s.shape:
            raise ShapeError(
                "dstate",
                f"shape {tuple(s.shape)}",
                str(tuple(part.shape)),
                "Pass one error per step, of the shape of the state.",
            )
    rows = x.reshape(T * B, *x.shape[2:])

    def all_at_once(p: Mapping[str, Tensor], states: State) -> State:
        return _parts(step(p, rows, states if len(states) > 1 else states[0]))

    flat = tuple(s.reshape(T * B, *s.shape[2:]) for s in before)
    back = torch.func.vjp(all_at_once, params, flat)[1]
    K = T if max_lag is None else min(T, max_lag + 1)
    errors = tuple(part.clone() for part in d)
    reach = torch.stack([part.abs().flatten(2).sum(2) > 0 for part in errors]).any(0)
    by_lags: list[dict[str, Tensor]] = []
    signal: list[float] = []
    for _ in range(K):
        size = sum(float(part.double().square().sum()) for part in errors)
        signal.append((size / max(int(reach.sum()), 1)) ** 0.5)
        G, earlier = back(tuple(part.reshape(T * B, *part.shape[2:]) for part in errors))
        by_lags.append(G)
        moved = [e.reshape(part.shape) for e, part in zip(earlier, errors, strict=True)]
        # What stood at step s stands at s - 1 now; what stood at the first step has left.
        errors = tuple(torch.cat([e[1:], torch.zeros_like(e[:1])]) for e in moved)
        reach = torch.cat([reach[1:], torch.zeros_like(reach[:1])])
    total = _unrolled(step, params, x, first, d)
    return _tallied(by_lags, signal, total, keep_matrices, complete=K == T)


@torch.no_grad()
def _states(step: Any, params: Mapping[str, Tensor], x: Tensor, first: State) -> State:
    """(T, B, ·) per part: the states that the steps start from."""
    states, state = [], first
    for x_t in x:
        states.append(state)
        state = _parts(step(params, x_t, state if len(state) > 1 else state[0]))
        if [s.shape for s in state] != [s.shape for s in first]:
            raise OptionError(
                "step", f"a state of shapes {[tuple(s.shape) for s in first]}",
                str([tuple(s.shape) for s in state]), "step must return state_t in the shapes of state_{t-1}.",
            )  # fmt: skip
    return tuple(torch.stack(parts) for parts in zip(*states, strict=True))


def _unrolled(
    step: Any, params: Mapping[str, Tensor], x: Tensor, first: State, d: State
) -> dict[str, Tensor]:
    """The gradient as autograd has it: through the loop, the lags summed away."""
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    state, E = first, torch.zeros((), dtype=first[0].dtype, device=first[0].device)
    for t, x_t in enumerate(x):
        state = _parts(step(leaves, x_t, state if len(state) > 1 else state[0]))
        E = E + sum((part * error[t]).sum() for part, error in zip(state, d, strict=True))
    grads = torch.autograd.grad(E, list(leaves.values()), allow_unused=True)
    return {
        name: torch.zeros_like(leaf) if grad is None else grad
        for (name, leaf), grad in zip(leaves.items(), grads, strict=True)
    }


def _tallied(
    by_lags: list[dict[str, Tensor]],
    signal: list[float],
    total: dict[str, Tensor],
    keep: bool,
    complete: bool,
) -> StepLags:
    grads, norm, share, residual, matrices = {}, {}, {}, {}, {}
    for name, grad in total.items():
        G = np.stack([G_k[name].double().cpu().numpy() for G_k in by_lags])
        dW = grad.double().cpu().numpy()
        flat, size = G.reshape(len(G), -1), float(np.linalg.norm(dW))
        grads[name] = dW
        norm[name] = np.linalg.norm(flat, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            share[name] = flat @ dW.reshape(-1) / np.square(size)
        largest = max(size, float(norm[name].max()), 1e-300)
        residual[name] = float(np.linalg.norm(G.sum(0) - dW)) / largest
        limit = 1e3 * torch.finfo(grad.dtype).eps
        if complete and not residual[name] <= limit:
            raise ResidualError(
                f"params[{name!r}]", f"lags that add up to autograd's gradient, to {limit:.0e}",
                f"a residual of {residual[name]:.1e}",
                "In the step, rows of a batch must not meet and no random numbers may be drawn.",
            )  # fmt: skip
        if keep:
            matrices[name] = G
    return StepLags(grads, norm, share, np.array(signal), residual, matrices if keep else None)


def _parts(state: Any) -> State:
    return tuple(state) if isinstance(state, tuple | list) else (state,)
