r"""S_t = a_t S_{t-1} + k_t v_tᵀ: linear attention with a decay, Mamba-2, mLSTM."""

from torch import Tensor

from bptt.torch_models.scans.kinds.linear import Factors, LinearRecurrence


class Outer(LinearRecurrence):
    """A matrix per head that decays as a whole, and to which an outer product is added.

    Args:
        a: (B, T, *heads) the decay of each head.
        k: (B, T, *heads, M) keys.
        v: (B, T, *heads, N) values.
        before: (B, *heads, M, N) the state before the first step; zero if None.
    """

    def __init__(self, a: Tensor, k: Tensor, v: Tensor, before: Tensor | None = None) -> None:
        super().__init__({"a": a, "k": k, "v": v}, before=before)

    @property
    def shape(self) -> tuple[int, ...]:
        """(*heads, M, N)."""
        return (*self.timed["k"].shape[2:], self.timed["v"].shape[-1])

    def step(self, before: Tensor, factors: Factors) -> Tensor:
        """The equation."""
        a, k, v = (factors[name] for name in ("a", "k", "v"))
        return a[..., None, None] * before + k[..., :, None] * v[..., None, :]

    def carry(self, factors: Factors) -> Tensor:
        """It is a."""
        return factors["a"]
