r"""h_t = exp(Δ_t A) ⊙ h_{t-1} + Δ_t B_t x_t: Mamba, a state space discretised anew at every step.

With λ = ∂E/∂h_t, a = exp(Δ A) and u = a ⊙ h_{t-1} = h_t - Δ B x, units d and states n of each,

    ∂E/∂h_{t-1} = a ⊙ λ,            ∂E/∂A_dn = Σ_t Δ_d λ_dn u_dn,      ∂E/∂Δ_d = Σ_n λ_dn u_dn A_dn + x_d Σ_n λ_dn B_n
    ∂E/∂x_d = Δ_d Σ_n λ_dn B_n,     ∂E/∂B_n = Σ_d λ_dn Δ_d x_d

The errors are taken some rows at a time, as many as a core keeps close to itself.
"""

import torch
from torch import Tensor

from bptt.diagnosis.scans import STEP_SIZE
from bptt.torch_models.scans.kinds.linear import Factors, LinearRecurrence, Ready

CLOSE = 2**18  # numbers of a block of rows: about a megabyte


class Selective(LinearRecurrence):
    """The state of a selective state space.

    Args:
        delta: (B, T, D) the step size Δ of each unit.
        A: (D, N) the rate of each state, below 0.
        B: (B, T, N) how the input enters.
        x: (B, T, D) the input.
        before: (B, N, D) the state before the first step; zero if None.
    """

    def __init__(self, delta: Tensor, A: Tensor, B: Tensor, x: Tensor, before: Tensor | None = None) -> None:  # fmt: skip
        super().__init__({"delta": delta, "B": B, "x": x}, {"A": A}, before)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D): units last, so that neighbours in memory go through the same operations."""
        D, N = self.fixed["A"].shape
        return (N, D)

    def step(self, before: Tensor, factors: Factors) -> Tensor:
        """The equation."""
        delta, A, B, x = (factors[name] for name in ("delta", "A", "B", "x"))
        return (
            torch.exp(delta[..., None, :] * A.T) * before + B[..., None] * (delta * x)[..., None, :]
        )

    def carry(self, factors: Factors) -> Tensor:
        """exp(Δ A)."""
        return torch.exp(factors["delta"][..., None, :] * factors["A"].T.contiguous())

    def facts(self, factors: Factors) -> dict[str, float]:
        """How large the steps are."""
        return {STEP_SIZE: float(factors["delta"].mean())}

    def prepared(self, states: Tensor) -> Ready:
        """a, and u = a ⊙ h_{t-1}, of every step."""
        f = {name: value.detach() for name, value in self.factors.items()}
        a = self.carry(f).to(states.dtype)
        if self.before is None:
            u = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], 1).mul_(a)
        else:
            u = super().prepared(states)["before"].mul_(a)
        return {
            "factors": f,
            "a": a,
            "u": u,
            "drive": f["delta"] * f["x"],
            "A": f["A"].T.to(a.dtype).contiguous(),
        }

    def back(self, errors: Tensor, weight: Tensor, ready: Ready) -> Factors:
        """The equations above.

        Args:
            errors: (B, n, *S) in and out, as ``LinearRecurrence.back`` has it.
            weight: (B, n) what each row counts.
            ready: what ``prepared`` returned.
        """
        f, (B, n, N, D) = ready["factors"], errors.shape
        by = {name: torch.empty_like(f[name][:, :n]) for name in self.timed}
        by_A, A = torch.zeros_like(ready["A"]), ready["A"]
        rows = max(1, CLOSE // (D * N))
        for b in range(B):
            for first in range(0, n, rows):
                at = slice(first, min(n, first + rows))
                e, w = errors[b, at], weight[b, at, None]
                delta, x, B_at = (f[name][b, at] for name in ("delta", "x", "B"))
                shared = (B_at[:, None, :] @ e).squeeze(1)
                torch.mul(w * delta, shared, out=by["x"][b, at])
                torch.mul(w, (e @ ready["drive"][b, at][..., None]).squeeze(-1), out=by["B"][b, at])
                passed = e * ready["u"][b, at]
                at_delta = (passed * A).sum(1).addcmul_(x, shared)
                torch.mul(w, at_delta, out=by["delta"][b, at])
                by_A += passed.mul_((w * delta)[:, None, :]).sum(0)
                e *= ready["a"][b, at]
        return by | {"A": by_A.T}
