r"""S_t = S_{t-1} (a_t I - β_t k_t k_tᵀ) + β_t v_t k_tᵀ: the delta rule, with a decay.

What S holds under the key k is taken out, and v put in its place. With a decay there are two ways in use: this one, and
a_t S_{t-1} (I - β_t k_t k_tᵀ) of the gated delta rule; the latter is this one with ``decays_first``.
"""

import torch
from torch import Tensor

from bptt.diagnosis.scans import WRITTEN
from bptt.torch_models.scans.kinds.linear import Factors, LinearRecurrence


class Delta(LinearRecurrence):
    """A matrix per head, of which each step overwrites what is kept under one key.

    Args:
        a: (B, T, *heads) the decay of each head; ones where there is none.
        beta: (B, T, *heads) how much is overwritten.
        k: (B, T, *heads, M) keys.
        v: (B, T, *heads, N) values.
        decays_first: whether what is taken out has decayed before, as in the gated delta rule.
        before: (B, *heads, N, M) the state before the first step; zero if None.
    """

    diagonal = False

    def __init__(
        self, a: Tensor, beta: Tensor, k: Tensor, v: Tensor, *, decays_first: bool = False, before: Tensor | None = None
    ) -> None:  # fmt: skip
        super().__init__({"a": a, "beta": beta, "k": k, "v": v}, before=before)
        self.decays_first = decays_first

    @property
    def shape(self) -> tuple[int, ...]:
        """(*heads, N, M)."""
        return (*self.timed["v"].shape[2:], self.timed["k"].shape[-1])

    def step(self, before: Tensor, factors: Factors) -> Tensor:
        """The equation."""
        a, beta, k, v = (factors[name] for name in ("a", "beta", "k", "v"))
        decayed = a[..., None, None] * before
        held = ((decayed if self.decays_first else before) @ k[..., None]).squeeze(-1)
        return decayed + (beta[..., None] * (v - held))[..., None] * k[..., None, :]

    def carry(self, factors: Factors) -> Tensor:
        """It is a, of what is not overwritten."""
        return factors["a"]

    def facts(self, factors: Factors) -> dict[str, float]:
        """How much of what stands under a key a step overwrites."""
        written = factors["beta"] * factors["k"].square().sum(-1)
        return {WRITTEN: float(torch.mean(written))}
