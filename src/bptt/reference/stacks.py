r"""Any cell, any stack, both directions: textbook loops without one hand-made derivative.

One sequence at a time, each with its own length. The equations of a step are written as in a textbook;
every derivative of a step is a complex step through them:

    J_state = ∂state_s/∂state_{s-1}    J_u = ∂state_s/∂(W_R h_{s-1})    J_v = ∂state_s/∂(W_F x_s)

(of the GRU of Cho et al. 2014 the candidate's W_R multiplies r ⊙ h_{s-1} in the place of h_{s-1}).

The error e of a loss step is then walked from layer to layer and from step to step, one row vector at a
time: e J_u ⊗ h_{s-1} belongs to W_R at this lag, e J_v W_F goes to the layer below at the same lag,
e J_state to the step before at the next lag.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptt.arrays import Array

STEP = 1e-30


@dataclass(frozen=True, eq=False)
class Part:
    """One layer in one direction: "rnn", "lstm", "gru" or "cho_gru", its weights by name, an RNN's φ."""

    kind: str
    p: dict[str, Array]
    phi: Callable[[Array], Any] = np.tanh


Levels = list[list[Part]]  # bottom first; one part, or forward and backward


def _sigma(z: Array) -> Array:
    return np.asarray((1 + np.tanh(z / 2)) / 2)


def step(part: Part, x: Array, state: Array, u: Any = 0.0, v: Any = 0.0) -> Array:
    """The state after one step; u and v are added to W_R h and W_F x.

    Args:
        part: a layer's parameters.
        x: (I,) input.
        state: (S,) before the step.
        u: (G·H,) added to W_R h.
        v: (G·H,) added to W_F x.
    """
    p, H = part.p, part.p["W_R"].shape[1]
    h = state[:H]
    v = p["W_F"] @ x + p["b"] + v
    if part.kind == "cho_gru":
        W_Rr, W_Rz, W_Rn = np.split(p["W_R"], 3)
        (v_r, v_z, v_n), (u_r, u_z, u_n) = np.split(v, 3), np.split(u + np.zeros(3 * H), 3)
        r, z = _sigma(v_r + W_Rr @ h + u_r), _sigma(v_z + W_Rz @ h + u_z)
        n = np.tanh(v_n + W_Rn @ (r * h) + u_n)
        return np.asarray((1 - z) * n + z * h)
    u = p["W_R"] @ h + u
    if part.kind == "rnn":
        return np.asarray(part.phi(u + v))
    if part.kind == "lstm":
        i, f, g, o = np.split(u + v, 4)
        c = _sigma(f) * state[H:] + _sigma(i) * np.tanh(g)
        return np.concatenate([_sigma(o) * np.tanh(c), c])
    v_r, v_z, v_n = np.split(v, 3)
    u_r, u_z, u_n = np.split(u, 3)
    r, z = _sigma(v_r + u_r), _sigma(v_z + u_z)
    n = np.tanh(v_n + r * (u_n + p["b_Rn"]))
    return np.asarray((1 - z) * n + z * h)


def states(part: Part, x: Array, state0: Array, resets: Array) -> tuple[Array, Array]:
    """The states before and after each step of one sequence, (T, S) each; zero before a reset.

    Args:
        part: a layer's parameters.
        x: (T, I) inputs.
        state0: (S,) before the first step.
        resets: (T,) True where a step starts from zero.
    """
    before, after = [], []
    state = state0
    for x_t, reset in zip(x, resets, strict=True):
        before.append(0 * state if reset else state)
        state = step(part, x_t, before[-1])
        after.append(state)
    return np.array(before), np.array(after)


def turned(resets: Array) -> Array:
    """Cuts seen from the other end."""
    return np.append(resets[1:], False)[::-1]


@dataclass(eq=False)
class _Walked:
    """A part on one sequence, in its own order, with the derivatives of all its steps."""

    part: Part
    x: Array
    before: Array
    after: Array
    resets: Array
    J: list[tuple[Array, Array, Array]] = field(default_factory=list)

    def derivatives(self) -> None:
        """J_state, J_u, J_v of every step, one complex step per column."""
        S, rows = self.before.shape[1], len(self.part.p["b"])
        for x_t, state in zip(self.x, self.before, strict=True):
            by_state = [step(self.part, x_t, state + 1j * STEP * e).imag for e in np.eye(S)]
            by_u = [step(self.part, x_t, state, u=1j * STEP * e).imag for e in np.eye(rows)]
            by_v = [step(self.part, x_t, state, v=1j * STEP * e).imag for e in np.eye(rows)]
            self.J.append(tuple(np.array(c).T / STEP for c in (by_state, by_u, by_v)))  # type: ignore[arg-type]


def forward(levels: Levels, x: Array, state0: list[Array], resets: Array) -> list[list[_Walked]]:
    """All levels over one sequence x (T, I); state0 per part, bottom first.

    Args:
        levels: bottom first, each a list of its directions.
        x: (T, I) inputs.
        state0: (S,) per part.
        resets: (T,) True where a step starts from zero.
    """
    initial = iter(state0)
    walked: list[list[_Walked]] = []
    for level in levels:
        directions = []
        for turn, part in enumerate(level):
            own_x = x[::-1] if turn else x
            own_resets = turned(resets) if turn else resets
            directions.append(
                _Walked(part, own_x, *states(part, own_x, next(initial), own_resets), own_resets)
            )
        walked.append(directions)
        x = outputs(directions)
    return walked


def outputs(level: list[_Walked]) -> Array:
    """(T, O) what a level hands up."""
    H = [w.part.p["W_R"].shape[1] for w in level]
    return np.concatenate(
        [
            w.after[:: -1 if turn else 1, :h]
            for turn, (w, h) in enumerate(zip(level, H, strict=True))
        ],
        axis=1,
    )


def by_lag(
    levels: Levels, x: Array, state0: list[Array], d: Array, resets: Array
) -> list[dict[str, Array]]:
    """The gradient of one sequence by lag, per part, bottom first.

    Args:
        levels: the network.
        x: (T, I) inputs.
        state0: initial state per part.
        d: (T, O) immediate gradient on what the top level hands up.
        resets: (T,) True where an episode starts.

    Returns:
        per part the gradient by each parameter with a first axis for the lag, (K, ...).
    """
    walked = forward(levels, x, state0, resets)
    flat = [w for level in walked for w in level]
    for w in flat:
        w.derivatives()
    T, K = len(x), len(levels) * len(x)
    G = [{n: np.zeros((K, *v.shape)) for n, v in w.part.p.items()} for w in flat]
    for t in range(T):
        if not d[t].any():
            continue
        e = [np.zeros_like(w.after, float) for w in flat]
        _hand(e, len(flat), walked[-1], t, d[t])
        for k in range(K):
            later = [np.zeros_like(error) for error in e]
            number = len(flat)
            for depth in range(len(levels) - 1, -1, -1):
                number -= len(walked[depth])
                for turn, w in enumerate(walked[depth]):
                    i = number + turn
                    for s in np.flatnonzero(e[i].any(1)):
                        J_state, J_u, J_v = w.J[s]
                        _collect(G[i], k, w, int(s), e[i][s] @ J_u, e[i][s] @ J_v)
                        if depth:
                            place = T - 1 - s if turn else s
                            dx = e[i][s] @ J_v @ w.part.p["W_F"]
                            _hand(e, number, walked[depth - 1], int(place), dx)
                        if s and not w.resets[s]:
                            later[i][s - 1] += e[i][s] @ J_state
            e = later
    return G


def _hand(e: list[Array], end: int, level: list[_Walked], place: int, dx: Array) -> None:
    """Add an error at what a level hands up at a place to its parts, which end at number ``end``."""
    first = 0
    for turn, w in enumerate(level):
        H, T = w.part.p["W_R"].shape[1], len(w.after)
        own = T - 1 - place if turn else place
        e[end - len(level) + turn][own, :H] += dx[first : first + H]
        first += H


def _collect(G: dict[str, Array], k: int, w: _Walked, s: int, at_u: Array, at_v: Array) -> None:
    H = w.part.p["W_R"].shape[1]
    h = w.before[s, :H]
    if w.part.kind == "cho_gru":  # where W_R of the candidate multiplies r ⊙ h
        p = w.part.p
        r = _sigma(p["W_F"][:H] @ w.x[s] + p["b"][:H] + p["W_R"][:H] @ h)
        G["W_R"][k, : 2 * H] += np.outer(at_u[: 2 * H], h)
        G["W_R"][k, 2 * H :] += np.outer(at_u[2 * H :], r * h)
    else:
        G["W_R"][k] += np.outer(at_u, h)
    G["W_F"][k] += np.outer(at_v, w.x[s])
    G["b"][k] += at_v
    if "b_Rn" in G:
        G["b_Rn"][k] += at_u[2 * H :]
