r"""Every parameter's G_k, lag by lag, kept as inner products: on the device where they are.

    S = Σ_{k<K} G_k    R = dθ - S    N = Σ_{k<K} (K - k) G_k    L = K dθ - N

Norms, shares and the truncation bill of several parameters together are sums of those of each.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.errors import ResidualError
from bptt.gradients.by_lag import ParameterLags, StateProfile
from bptt.torch_models.scans.walk import LN2, LN10, Signals

ROUNDING = 1e3  # times eps of Σ_k ‖G_k‖: what a sum over many lags and sequences may be off


class _Sums:
    """Of one parameter; everything over 2^E, so that squares fit."""

    def __init__(self, whole: Tensor) -> None:
        whole = _real(whole)
        self.E = math.frexp(float(whole.abs().max()) if whole.numel() else 0.0)[1]
        self.whole = _over(whole, self.E)
        self.kept, self.left = torch.zeros_like(self.whole), self.whole.clone()
        self.kept_chunked, self.left_chunked = (torch.zeros_like(self.whole) for _ in range(2))
        self.ln_norm: list[Tensor] = []
        self.products: list[Tensor] = []  # of each lag ⟨G, W⟩, R², S², ⟨S, W⟩, L², N², ⟨N, W⟩

    def add(self, G: Tensor, e: int) -> None:
        G = _real(G)
        self.ln_norm.append(_ln_norm(G) + LN2 * e)
        G = _over(G, self.E - e)
        self.kept += G
        self.left -= G
        self.kept_chunked += self.kept
        self.left_chunked += self.left
        S, R, N, L, W = self.kept, self.left, self.kept_chunked, self.left_chunked, self.whole
        pairs = ((G, W), (R, R), (S, S), (S, W), (L, L), (N, N), (N, W))
        self.products.append(torch.stack([torch.dot(x, y) for x, y in pairs]))

    @property
    def ln_norms(self) -> Array:
        return np.asarray(torch.stack(self.ln_norm).cpu().numpy())

    @property
    def rows(self) -> Array:
        return np.asarray(torch.stack(self.products).cpu().numpy())

    @property
    def square(self) -> float:
        return float(torch.dot(self.whole, self.whole))

    @property
    def off(self) -> float:
        return float(torch.linalg.vector_norm(self.left))

    @property
    def ln_whole(self) -> float:
        return 0.5 * math.log(self.square) + LN2 * self.E if self.square else -math.inf


class ScanTally:
    """All parameters that act through the states.

    Args:
        whole: what of each parameter's gradient goes through the states, by name.
        every_lag: whether every lag will be added; else what is missing is the rest.
    """

    def __init__(self, whole: dict[str, Tensor], every_lag: bool) -> None:
        self._of = {name: _Sums(value) for name, value in whole.items()}
        self._complete = every_lag

    def add(self, k: int, G: dict[str, Tensor], e: int) -> None:
        """One lag more, in order; G stands for G 2^e."""
        for name, sums in self._of.items():
            sums.add(G[name], e)

    def check(self, eps: float, besides: dict[str, float], module: str) -> None:
        """Refuse lags that do not add up to autograd's gradient.

        Args:
            eps: of the type that the model computes in.
            besides: norms of what else was added up for a parameter, by name.
            module: its name, for the error.

        Raises:
            ResidualError: naming the parameter.
        """
        for name, sums in self._of.items():
            sizes = [*sums.ln_norms, sums.ln_whole, math.log(besides.get(name, 0.0) or 1e-300)]
            size = float(np.exp(np.logaddexp.reduce(sizes) - LN2 * sums.E))
            if self._complete and not sums.off <= ROUNDING * eps * size:
                raise ResidualError(
                    f"{module}.{name}", f"lags that add up to autograd's gradient, to {ROUNDING * eps:.0e}",
                    f"a difference of {sums.off / size:.1e}",
                    "The adapter must make everything of the module's parameters and inputs as the module does, with "
                    "its graph: nothing detached, and no parameter left out.",
                )  # fmt: skip

    def profile(self, signals: Signals) -> StateProfile:
        """Everything that was gathered."""
        every = list(self._of.values())
        E = max(sums.E for sums in every)
        scales = [math.ldexp(1.0, 2 * (sums.E - E)) for sums in every]
        pairs = list(zip(every, scales, strict=True))
        square = sum(sums.square * scale for sums, scale in pairs)
        off = math.sqrt(sum(sums.off**2 * scale for sums, scale in pairs))
        rows = np.stack([sums.rows * scale for sums, scale in pairs]).sum(0) / (square or math.nan)
        ln = 0.5 * np.logaddexp.reduce([2 * sums.ln_norms for sums in every])
        parts = float(np.exp(np.logaddexp.reduce(ln) - LN2 * E))
        gain = signals.gain.cpu().numpy()
        return StateProfile(
            log10_norm=ln / LN10, share=rows[:, 0], log10_signal=signals.log10_signal.cpu().numpy(),
            log10_signal_by_step=signals.log10_by_step.cpu().numpy(), gain=gain, carry_gain=gain,
            carry_share=np.ones_like(gain),
            log10_whole=0.5 * math.log10(square) + E * LN2 / LN10 if square else -math.inf,
            residual=off / math.sqrt(square) if square and self._complete else 0.0,
            rest=0.0 if self._complete or not parts else off / parts, kept=_bill(rows),
            parameters={name: _lags(sums) for name, sums in self._of.items()}, counted=tuple(self._of),
        )  # fmt: skip


def _lags(sums: _Sums) -> ParameterLags:
    square = sums.square
    return ParameterLags(
        sums.ln_norms / LN10, sums.rows[:, 0] / (square or math.nan), sums.ln_whole / LN10,
        sums.off / math.sqrt(square) if square else 0.0,
    )  # fmt: skip


def _ln_norm(G: Tensor) -> Tensor:
    """ln ‖G‖, also where its squares leave the range."""
    peak = G.abs().max() if G.numel() else G.new_zeros(())
    return torch.where(peak > 0, torch.linalg.vector_norm(G / peak).log() + peak.log(), -torch.inf)


def _over(G: Tensor, e: int) -> Tensor:
    """G 2^-e; a power of two beyond the range is taken in two halves."""
    half = e // 2
    return G * 2.0 ** max(min(-half, 1000), -1000) * 2.0 ** max(min(half - e, 1000), -1000)


def _real(value: Tensor) -> Tensor:
    """As one row of doubles; of complex numbers the real and imaginary parts."""
    value = value.detach().resolve_conj()
    value = torch.view_as_real(value) if value.is_complex() else value
    return value.reshape(-1).double()


def _bill(rows: Array) -> Array:
    """(5, K) what ``Profile.kept`` has, of products over ‖dθ‖²."""
    _, rr, ss, sw, ll, nn, nw = rows.T
    with np.errstate(divide="ignore", invalid="ignore"):
        bill = [
            0.5 * np.log(rr),
            sw / np.sqrt(ss),
            0.5 * np.log(ll),
            nw / np.sqrt(nn),
            0.5 * np.log(nn),
        ]
    return np.stack([bill[0], np.clip(bill[1], -1, 1), bill[2], np.clip(bill[3], -1, 1), bill[4]])
