r"""h_t = a_t ⊙ h_{t-1} + b_t: LRU, S5, RG-LRU, minGRU, minLSTM, RWKV-4.

    ∂E/∂h_{t-1} = ā_t ⊙ ∂E/∂h_t,     ∂E/∂a_t = ∂E/∂h_t ⊙ h̄_{t-1},     ∂E/∂b_t = ∂E/∂h_t

The bars are complex conjugates: gradients of complex numbers are PyTorch's.
"""

from torch import Tensor

from bptt.errors import ShapeError
from bptt.torch_models.scans.kinds.linear import Factors, LinearRecurrence, Ready, summed_to


class Decay(LinearRecurrence):
    """Every unit of the state is multiplied by a number of its own, and something is added.

    Args:
        a: (B, T, ·) what the state is multiplied with; axes of length 1 behind time are broadcast.
        b: (B, T, *S) what is added.
        before: (B, *S) the state before the first step; zero if None.

    Raises:
        ShapeError: if a does not fit b.
    """

    def __init__(self, a: Tensor, b: Tensor, before: Tensor | None = None) -> None:
        fits = a.dim() == b.dim() >= 3 and a.shape[:2] == b.shape[:2]
        if not fits or any(m not in (1, n) for m, n in zip(a.shape[2:], b.shape[2:], strict=True)):
            raise ShapeError(
                "a", f"(B, T, ·) that is broadcast over b's {tuple(b.shape)}", str(tuple(a.shape)),
                "Batch first, then time; expand what all steps share.",
            )  # fmt: skip
        super().__init__({"a": a, "b": b}, before=before)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of b, behind batch and time."""
        return tuple(self.timed["b"].shape[2:])

    def step(self, before: Tensor, factors: Factors) -> Tensor:
        """The equation."""
        return factors["a"] * before + factors["b"]

    def carry(self, factors: Factors) -> Tensor:
        """It is a."""
        return factors["a"]

    def prepared(self, states: Tensor) -> Ready:
        """The conjugates too."""
        ready = super().prepared(states)
        return ready | {"a": ready["factors"]["a"].conj(), "kept": ready["before"].conj()}

    def back(self, errors: Tensor, weight: Tensor, ready: Ready) -> Factors:
        """The three equations at once.

        Args:
            errors: (B, n, *S) in and out, as ``LinearRecurrence.back`` has it.
            weight: (B, n) what each row counts.
            ready: what ``prepared`` returned.
        """
        n = errors.shape[1]
        rows = weight.reshape(weight.shape + (1,) * len(self.shape))
        counted = errors * rows
        by_a = summed_to(counted * ready["kept"][:, :n], ready["factors"]["a"][:, :n])
        by_b = summed_to(counted, ready["factors"]["b"][:, :n])
        errors.mul_(ready["a"][:, :n])
        return {"a": by_a, "b": by_b}
