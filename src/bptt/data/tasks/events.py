r"""A short event in one of four forms, long ago in the noise of a sensor: which was it?

    x_t = e_c(t - s) + d_t + σ ε_t        3 channels, ε_t ~ N(0, 1)
    d_t = ρ d_{t-1} + √(1 - ρ²) σ η_t     the drift, of deviation σ, with ρ = e^{-1/50}
    e_c(p) = a_c sin(π (p + 1) / 9),      p = 0 .. 7, else 0

An event lasts eight steps and swings every channel up or down for the half of a sine wave: a_c is (+ + +),
(+ - -), (- + -) or (- - +). Its last step lies the same number of steps back in every sequence, the lag; nothing before
or after it says which it was. So the lag is exact: a gradient that does not reach it sees noise alone, ln 4 nats.
"""

import math

import numpy as np

from bptt.arrays import Array, as_number, as_whole
from bptt.data.tasks.task import Task, as_length

LASTS, DRIFTS = 8, 50  # steps of an event; steps in which the drift forgets
SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)


def events(length: int = 100, *, lag: int | None = None, noise: float = 0.3) -> Task:
    """Name the form of an event long ago; solved at 95 % right.

    Args:
        length: T, from 12.
        lag: how many steps before the last one the event ends, from 1 to T - 8; three quarters of T if not given.
        noise: σ, the standard deviation of the white noise, and again of the drift, where an event swings by 1; from 0.

    Raises:
        OptionError: if the length is no whole number from 12, the lag none from 1 to T - 8, or the noise no
            number from 0.

    >>> task = events(200)
    >>> task.inputs, task.needed_lag, task.longest_lag
    (3, 150, 157)
    """
    T = as_length("events", length, 12)
    lag = min(3 * T // 4, T - LASTS) if lag is None else lag
    lag = as_whole(
        "lag",
        lag,
        1,
        T - LASTS,
        cure=f"Pass a lag from 1 to {T - LASTS}: an event lasts {LASTS} steps.",
    )
    noise = as_number("noise", noise, "[0, ∞)", "Pass 0.3, for example.")
    share, first, rho = lag / T, T - lag - LASTS, math.exp(-1 / DRIFTS)
    swing = np.sin(np.pi * np.arange(1, LASTS + 1, dtype=np.float32) / (LASTS + 1))

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        white, drift = rng.standard_normal((2, T, sequences, 3), np.float32)
        drift[1:] *= np.float32(math.sqrt(1 - rho**2))
        for t in range(1, T):
            drift[t] += np.float32(rho) * drift[t - 1]
        x = np.float32(noise) * (white + drift)
        classes = rng.integers(4, size=sequences)
        x[first : first + LASTS] += swing[:, None, None] * SIGNS[classes]
        return x, classes

    return Task(
        name="events", length=T, steps=T, inputs=3, outputs=4, loss="cross_entropy", loss_at="last",
        needed_lag=lag, longest_lag=lag + LASTS - 1, baseline=math.log(4), solved=0.95,
        source="this library", draw=draw,
        at=lambda T: events(T, lag=max(1, min(round(share * T), T - LASTS)), noise=noise),
    )  # fmt: skip
