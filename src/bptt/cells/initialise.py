r"""Initial weights by name.

| scheme | W_R | W_F | b | source |
|---|---|---|---|---|
| pytorch | U(-1/√H, 1/√H) | the same | sum of two of the same | PyTorch's ``nn.RNN`` |
| glorot | U(±√(6/(H+H))) | U(±√(6/(H+I))) | 0 | Glorot & Bengio 2010 |
| orthogonal | random orthogonal | as glorot | 0 | Saxe 2014 |
| identity | identity | N(0, 0.001²) | 0 | Le, Jaitly & Hinton 2015 |
| gaussian | N(0, 1/H) | N(0, 1/I) | 0 | Sompolinsky 1988; Chen 2018 |

``gain`` multiplies W_R in every scheme; 1 is the scheme as published.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bptt.arrays import FLOATS, Array
from bptt.errors import OptionError

Weights = tuple[Array, Array, Array]
Scheme = Callable[[np.random.Generator, int, int], Weights]


def _uniform(rng: np.random.Generator, bound: float, shape: tuple[int, ...]) -> Array:
    return rng.uniform(-bound, bound, shape)


def _pytorch(rng: np.random.Generator, I: int, H: int) -> Weights:
    bound = H**-0.5
    W_F, W_R = _uniform(rng, bound, (H, I)), _uniform(rng, bound, (H, H))
    # nn.RNN adds two bias vectors, bias_ih and bias_hh; here they are one.
    return W_F, W_R, _uniform(rng, bound, (H,)) + _uniform(rng, bound, (H,))


def _glorot(rng: np.random.Generator, I: int, H: int) -> Weights:
    W_F = _uniform(rng, (6 / (H + I)) ** 0.5, (H, I))
    return W_F, _uniform(rng, (6 / (H + H)) ** 0.5, (H, H)), np.zeros(H)


def _orthogonal(rng: np.random.Generator, I: int, H: int) -> Weights:
    W_F = _uniform(rng, (6 / (H + I)) ** 0.5, (H, I))
    q, r = np.linalg.qr(rng.standard_normal((H, H)))
    return W_F, q * np.sign(np.diag(r)), np.zeros(H)  # signs fixed: uniform over the group


def _identity(rng: np.random.Generator, I: int, H: int) -> Weights:
    return 0.001 * rng.standard_normal((H, I)), np.eye(H), np.zeros(H)


def _gaussian(rng: np.random.Generator, I: int, H: int) -> Weights:
    W_F = rng.standard_normal((H, I)) / I**0.5
    return W_F, rng.standard_normal((H, H)) / H**0.5, np.zeros(H)


SCHEMES: dict[str, Scheme] = {
    "pytorch": _pytorch,
    "glorot": _glorot,
    "orthogonal": _orthogonal,
    "identity": _identity,
    "gaussian": _gaussian,
}


def recurrent_weights(
    inputs: int,
    hidden: int,
    scheme: str,
    gain: float,
    rng: np.random.Generator | int | None,
    dtype: npt.DTypeLike,
    gates: int = 1,
) -> Weights:
    """W_F (G·H, I), W_R (G·H, H) and b (G·H,): the scheme anew for each gate.

    Raises:
        OptionError: if a size is below 1, the scheme is unknown, the gain is not finite or the type
            is not float32 or float64.
    """
    for name, size in (("inputs", inputs), ("hidden", hidden)):
        if size < 1:
            raise OptionError(name, "a size from 1", str(size), "Give a positive whole number.")
    if scheme not in SCHEMES:
        raise OptionError(
            "scheme", "one of " + ", ".join(SCHEMES), repr(scheme), "See bptt.cells.initialise."
        )
    if not np.isfinite(gain):
        raise OptionError("gain", "a finite number", str(gain), "1 is the scheme as published.")
    generator, kind = random_generator(rng), float_type(dtype)
    parts = [SCHEMES[scheme](generator, inputs, hidden) for _ in range(gates)]
    W_F, W_R, b = (np.concatenate(part).astype(kind) for part in zip(*parts, strict=True))
    W_R *= kind.type(gain)
    return W_F, W_R, b


def candidate_bias(
    W_F: Array, W_R: Array, b: Array, scheme: str, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    """The GRU's weights with b_Rn (H,) apart: in PyTorch b_n and b_Rn are one uniform bias each."""
    H = W_R.shape[1]
    b_Rn = np.zeros(H, W_R.dtype)
    if scheme == "pytorch":
        b[2 * H :] = _uniform(rng, H**-0.5, (H,))
        b_Rn[...] = _uniform(rng, H**-0.5, (H,))
    return W_F, W_R, b, b_Rn


def readout_weights(
    hidden: int, outputs: int, rng: np.random.Generator | int | None, dtype: npt.DTypeLike
) -> tuple[Array, Array]:
    """W_O (O, H) and b_O (O,), as PyTorch's ``nn.Linear``: U(-1/√H, 1/√H).

    Raises:
        OptionError: if ``outputs`` is below 1 or the type is not float32 or float64.
    """
    if outputs < 1:
        raise OptionError("outputs", "a size from 1", str(outputs), "One output per class.")
    generator, kind = random_generator(rng), float_type(dtype)
    W_O = _uniform(generator, hidden**-0.5, (outputs, hidden))
    return W_O.astype(kind), _uniform(generator, hidden**-0.5, (outputs,)).astype(kind)


def float_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """float32 or float64.

    Raises:
        OptionError: if it is another type.
    """
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in FLOATS:
        raise OptionError("dtype", "float32 or float64", str(dtype), "Nothing else is computed in.")
    return kind


def random_generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """The generator itself, or a new one of that seed.

    Raises:
        OptionError: if the seed is negative.
    """
    if isinstance(rng, int | np.integer) and rng < 0:
        raise OptionError("seed", "a whole number from 0", str(rng), "Give 0, for example.")
    return np.random.default_rng(rng)
