r"""Any recurrence: the gradient by lag of a step function of one's own.

    state_t = step(params, x_t, state_{t-1}),     G_k = Σ_t (∂state_{t-k}/∂params)ᵀ d_{t, t-k}

d_{t, s} is the error of the loss at step t, carried back to the state after step s. The errors of all loss
steps are carried back together, one lag further each time; nothing but one step is ever differentiated. Of complex
parameters and states, gradients are PyTorch's: ∂E/∂Re z + i ∂E/∂Im z.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array, as_number, as_whole
from bptt.errors import NonFiniteError, ResidualError
from bptt.torch_models.nonfinite.numbers import finite
from bptt.torch_models.own_step.recurrence import Parts, recurrence
from bptt.torch_models.own_step.step_graphs import StepGraph, graph_of, states_of, unrolled


@dataclass(frozen=True, eq=False)
class StepLags:
    """The gradient by lag of every parameter of a step.

    Attributes:
        grads: the whole gradient by parameter, Σ_k G_k; complex where the parameter is.
        norm: (K,) ‖G_k‖ by parameter.
        share: (K,) signed share Re⟨G_k, grad⟩ / ‖grad‖² by parameter; all lags together give 1; NaN where the
            gradient is zero, or leaves the range of its type.
        signal: (K,) RMS norm of the error of the state at lag k, over the (step, sequence) pairs it reached.
        residual: by parameter, how far an ordinary backward pass is from the sum, relative; NaN where that pass leaves
            the range of its type.
        matrices: every G_k, (K, ·) by parameter; None unless kept.
    """

    grads: dict[str, Array]
    norm: dict[str, Array]
    share: dict[str, Array]
    signal: Array
    residual: dict[str, float]
    matrices: dict[str, Array] | None

    def horizon(self, name: str, p: float = 0.95) -> int | None:
        """The smallest lag k such that lags 0..k hold the fraction p of Σ_k ‖G_k‖ of a parameter.

        Args:
            name: of the parameter.
            p: the fraction, in (0, 1].

        Returns:
            the lag; None where the gradient is exactly zero at every lag.

        Raises:
            OptionError: if p is not in (0, 1].
        """
        p = as_number("p", p, "(0, 1]", "0.95 is the usual choice.")
        running = np.cumsum(self.norm[name])
        if not running[-1]:
            return None
        return int(np.argmax(running >= p * (1 - 1e-12) * running[-1]))

    def __repr__(self) -> str:
        """How many lags, and the horizon of every parameter."""
        horizons = ", ".join(f"{name}: {self.horizon(name)}" for name in self.norm)
        return f"StepLags(lags={len(self.signal)}, horizons=({horizons}))"


def by_lag(
    step: Callable[[Mapping[str, Tensor], Any, Any], Any],
    params: Mapping[str, Tensor],
    x: Any,
    state0: Any,
    dstate: Any,
    max_lag: int | None = None,
    keep_matrices: bool = False,
) -> StepLags:
    """Split the gradient of a recurrence of your own by how far back in time each part comes from.

    Random numbers that the step draws, such as dropout, are drawn once and are the same in every pass; where the
    rows of a batch meet, as in batch normalisation, the steps are differentiated one by one, which takes longer.

    Args:
        step: step(params, x_t, state) -> the next state, for x_t (B, I) and a state (B, H). The state is a tensor,
            or a tuple, list, named tuple or dict of tensors; parts of whole numbers are carried along. It
            may change x_t and the state in place.
        params: tensors by name, real or complex.
        x: (T, B, I) inputs, time first; a tuple or dict of such tensors where a step reads several.
        state0: the state before the first step.
        dstate: immediate gradient ∂⁺E/∂state_t of every step, (T, B, H); in the form of the state, with None
            for a part that the loss does not see.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        keep_matrices: keep every G_k.

    Returns:
        the norms, shares and signals by lag.

    Raises:
        OptionError: if a parameter never reaches the state, ``step`` does not return the next state alone, in
            the same form, or max_lag is no whole number from 0.
        ShapeError: if the axes of x, state0 and dstate do not agree.
        DTypeError: if a parameter holds whole numbers, or ``step`` changes the type of the state.
        NonFiniteError: if an argument, a state or a gradient is NaN or infinite.
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
    with torch.inference_mode(False), torch.enable_grad():
        run = recurrence(step, params, x, state0)
        run, before, after = states_of(run)
        d = run.errors(dstate, after)
        total = unrolled(run, d)
        tally = _Tally(run.params, total, keep_matrices)
        K = run.steps if max_lag is None else min(run.steps, max_lag + 1)
        _walk(graph_of(run, before, after), d, K, tally)
    return tally.lags(complete=run.steps == K)


def _walk(graph: StepGraph, errors: Parts, K: int, tally: "_Tally") -> None:
    """From lag to lag, the errors of all loss steps together."""
    last = errors
    reach = torch.stack([part.reshape(*part.shape[:2], -1).any(2) for part in errors]).any(0)
    for lag in range(K):
        G, earlier = graph.back(errors)
        if not all(map(finite, (*G.values(), *errors))):
            raise _not_finite(lag, last)
        tally.add(G, errors, int(reach.sum()))
        last = errors
        # What stood at step s stands at s - 1 now; what stood at the first step has left.
        errors = tuple(torch.cat([e[1:], torch.zeros_like(e[:1])]) for e in earlier)
        reach = torch.cat([reach[1:], torch.zeros_like(reach[:1])])


def _not_finite(lag: int, before: Parts) -> NonFiniteError:
    """Whether the gradient grew beyond its type, or a function of the step has none."""
    part = max(before, key=lambda each: float(each.abs().max()))
    kind, size = str(part.dtype).removeprefix("torch."), float(part.abs().max())
    grown = size > torch.finfo(part.dtype).max ** 0.5
    return NonFiniteError(
        "step", f"a gradient within {kind} at every lag", f"one that leaves it at lag {lag}",
        (f"Pass float64 tensors, or max_lag={lag - 1}." if kind != "float64" else f"Pass max_lag={lag - 1}.") if grown
        else "Look in the step for a function without a finite derivative, such as a root or a norm at 0.",
    )  # fmt: skip


@dataclass
class _Tally:
    """Norms, shares and sums as the lags come, against the whole gradient.

    Attributes:
        params: the parameters.
        total: autograd's gradient of each.
        keep: whether every G_k is kept.
    """

    params: Mapping[str, Tensor]
    total: dict[str, Tensor]
    keep: bool
    _norm: dict[str, list[float]] = field(init=False)
    _share: dict[str, list[float]] = field(init=False)
    _sum: dict[str, Array] = field(init=False)
    _kept: dict[str, list[Array]] = field(init=False)
    _signal: list[float] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._whole = {name: _array(value) for name, value in self.total.items()}
        self._norm = {name: [] for name in self.total}
        self._share = {name: [] for name in self.total}
        self._kept = {name: [] for name in self.total}
        self._sum = {name: np.zeros_like(value) for name, value in self._whole.items()}

    def add(self, G: dict[str, Tensor], errors: Parts, pairs: int) -> None:
        """One lag more.

        Args:
            G: G_k by parameter.
            errors: (T, B, ·) of every part of the state, at this lag.
            pairs: of step and sequence that they reached.
        """
        whole = np.linalg.norm([_size(_array(part)) for part in errors])
        self._signal.append(float(whole) / max(pairs, 1) ** 0.5)
        for name, value in G.items():
            G_k, dW = _array(value), self._whole[name]
            self._sum[name] += G_k
            self._norm[name].append(_size(G_k))
            size = _size(dW)
            known = 0 < size < np.inf
            share = float(((dW / size).conj() * (G_k / size)).real.sum()) if known else float("nan")
            self._share[name].append(share)
            if self.keep:
                self._kept[name].append(G_k)

    def lags(self, complete: bool) -> StepLags:
        """What was added up, checked where all lags were.

        Raises:
            NonFiniteError: if autograd's gradient leaves its type.
            ResidualError: if they do not add up to it.
        """
        residual = {}
        for name, dW in self._whole.items():
            finite_whole = bool(np.isfinite(dW).all())
            if complete and not finite_whole:
                raise NonFiniteError(
                    f"params[{name!r}]", f"a gradient within {self.total[name].dtype}", "one that leaves it",
                    "Pass float64 tensors.",
                )  # fmt: skip
            largest = max(_size(dW), max(self._norm[name]), 1e-300)
            off = _size(self._sum[name] - dW) / largest if finite_whole else np.nan
            residual[name] = off
            limit = 1e3 * torch.finfo(self.params[name].dtype).eps
            if complete and not residual[name] <= limit:
                raise ResidualError(
                    f"params[{name!r}]", f"lags that add up to autograd's gradient, to {limit:.0e}",
                    f"a residual of {residual[name]:.1e}",
                    "A step must depend on params, x_t and the state alone: it may keep no memory of its own, and "
                    "what it draws must come from torch's random numbers.",
                )  # fmt: skip
        norm, share = (
            {name: np.array(values) for name, values in each.items()}
            for each in (self._norm, self._share)
        )
        matrices = (
            {name: np.stack(kept) for name, kept in self._kept.items()} if self.keep else None
        )
        return StepLags(self._whole, norm, share, np.array(self._signal), residual, matrices)


def _array(value: Tensor) -> Array:
    """In double precision, complex where the tensor is."""
    wide = torch.complex128 if value.is_complex() else torch.float64
    return np.asarray(value.detach().cpu().to(wide).resolve_conj().resolve_neg().numpy())


def _size(value: Array) -> float:
    """‖value‖, without the threads of BLAS, which cost more than they save here."""
    return float(np.sqrt(np.square(np.abs(value)).sum()))
