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

from bptt.arrays import FLOATS, Array, as_choice, as_number, as_whole, check_memory
from bptt.cells.cell import Cell
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
    cell: Cell,
    inputs: int,
    hidden: int,
    scheme: str,
    gain: float,
    rng: np.random.Generator | int | None,
    dtype: npt.DTypeLike,
) -> tuple[Array, ...]:
    """W_F (G·H, I), W_R (G·H, H) and b (G·H,), the scheme anew for each gate; then recurrent biases (H,).

    A recurrent bias that stands apart is uniform as PyTorch's where the scheme is, else zero.

    Args:
        cell: whose gates and biases are drawn.
        inputs: I.
        hidden: H.
        scheme: a name in ``SCHEMES``.
        gain: multiplies W_R.
        rng: a seed or a generator.
        dtype: float32 or float64.

    Raises:
        OptionError: if a size is below 1 or beyond what memory holds, the scheme is unknown, the gain is not finite or the type
            is not float32 or float64.
    """
    I, H = as_whole("inputs", inputs, least=1), as_whole("hidden", hidden, least=1)
    as_choice("scheme", scheme, SCHEMES, "See bptt.cells.initialise.")
    large = ("inputs", I) if I > H else ("hidden", H)
    check_memory(*large, 8 * len(cell.gates) * H * (I + H))
    gain = as_number("gain", gain, cure="1 is the scheme as published.")
    generator, kind = random_generator(rng), float_type(dtype)
    parts = [SCHEMES[scheme](generator, I, H) for _ in cell.gates]
    W_F, W_R, b = (np.concatenate(part).astype(kind) for part in zip(*parts, strict=True))
    W_R *= kind.type(gain)
    biases = [np.zeros(H, kind) for _ in cell.recurrent_biases]
    if scheme == "pytorch":  # here the two biases of such a gate are one uniform vector each
        for gate, b_R in zip(cell.recurrent_biases, biases, strict=True):
            b[cell.block(gate, H)] = _uniform(generator, H**-0.5, (H,))
            b_R[...] = _uniform(generator, H**-0.5, (H,))
    return W_F, W_R, b, *biases


def readout_weights(
    hidden: int, outputs: int, rng: np.random.Generator | int | None, dtype: npt.DTypeLike
) -> tuple[Array, Array]:
    """W_O (O, H) and b_O (O,), as PyTorch's ``nn.Linear``: U(-1/√H, 1/√H).

    Args:
        hidden: H, numbers that the readout reads.
        outputs: O.
        rng: a seed or a generator.
        dtype: float32 or float64.

    Raises:
        OptionError: if ``outputs`` is below 1 or beyond what memory holds, or the type is not float32 or float64.
    """
    outputs = as_whole("outputs", outputs, least=1, cure="Pass one output per class.")
    check_memory("outputs", outputs, 8 * outputs * hidden)
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
    except (TypeError, ValueError, SyntaxError, RuntimeError):
        kind = np.dtype(object)
    if kind not in FLOATS:
        raise OptionError("dtype", "float32 or float64", str(dtype), "Nothing else is computed in.")
    return kind


def random_generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """The generator itself, or a new one of that seed.

    Raises:
        OptionError: if the seed is negative.
    """
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    return np.random.default_rng(as_whole("seed", rng, least=0))
