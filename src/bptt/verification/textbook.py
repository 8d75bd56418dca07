"""A network and a batch in the terms of the reference: textbook loops, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt import reference
from bptt.arrays import Array
from bptt.layers import RNN, Bidirectional, Layer
from bptt.layers.build import named_tensors
from bptt.network import Network, Run


class Textbook:
    """A network and a batch in the reference's terms, in float64."""

    def __init__(self, network: Network, run: Run, targets: Any) -> None:
        self.network, self.run = network, run
        layers = network.stack.layers
        traces = run.stack_trace.traces
        self.x = traces[0].x.astype(np.float64)
        initial = [
            dict(zip(("h0", "c0"), (state[0] for state in t.states), strict=False)) for t in traces
        ]
        named = network.parameters() | named_tensors(network.stack, initial)
        self.values = {name: value.astype(np.float64) for name, value in named.items()}
        self.targets = np.asarray(targets)
        if self.targets.ndim == (1 if network.loss == "cross_entropy" else 2):
            self.targets = self.targets[None]
        self.phis = [_textbook(layer) for layer in layers]
        self.analytic = all(_takes_complex(phi) for phi, _ in self.phis)
        self.prefixes = [""] if len(layers) == 1 else [f"{name}." for name in network.stack.names]

    def _levels(self, values: dict[str, Array]) -> reference.stacks.Levels:
        parts = [
            reference.stacks.Part(
                layer.kind, {name: values[prefix + name] for name in layer.parameters()}, phi
            )
            for layer, prefix, (phi, _) in zip(
                self.network.stack.layers, self.prefixes, self.phis, strict=True
            )
        ]
        levels = []
        for level in self.network.stack.levels:
            n = 2 if isinstance(level, Bidirectional) else 1
            levels.append(parts[:n])
            parts = parts[n:]
        return levels

    def _initial(self, values: dict[str, Array], n: int) -> list[Array]:
        return [
            np.concatenate([values[prefix + s][n] for s in ("h0", "c0") if prefix + s in values])
            for prefix in self.prefixes
        ]

    def _outputs(self, values: dict[str, Array]) -> Array:
        T, B, _ = self.x.shape
        levels, resets = self._levels(values), np.zeros(T, bool)
        read = []
        for n in range(B):
            walked = reference.stacks.forward(
                levels, self.x[:, n], self._initial(values, n), resets
            )
            if self.network.loss_at == "last":
                top = walked[-1]
                read.append(
                    np.concatenate([w.after[-1:, : w.part.p["W_R"].shape[1]] for w in top], axis=1)
                )
            else:
                read.append(reference.stacks.outputs(walked[-1])[self.run.loss_steps])
        h = np.stack(read, axis=1)
        return np.asarray(h @ values["W_O"].T + values["b_O"])

    def outputs(self) -> Array:
        """(N, B, O)."""
        return self._outputs(self.values)

    def error(self, name: str) -> Callable[[Array], Any]:
        """E as a function of one parameter."""
        loss = reference.LOSSES[self.network.loss]
        return lambda moved: loss(self._outputs(self.values | {name: moved}), self.targets)

    def by_lag(self) -> tuple[dict[str, Array], list[Array]]:
        """The gradient by every parameter the loops know, and by lag by each W_R."""
        readout = _readout_loops(self.run)
        dh = self.run.dh.astype(np.float64)
        if len(self.phis) == 1 and isinstance(self.network.stack.layers[0], RNN):
            v = self.values
            phi, dphi = self.phis[0]
            G = reference.by_lag(self.x, v["h0"], dh, v["W_F"], v["W_R"], v["b"], phi, dphi)
            return {name: terms.sum(0) for name, terms in G.items()} | readout, [G["W_R"]]
        T, B, _ = self.x.shape
        levels, resets = self._levels(self.values), np.zeros(T, bool)
        total: list[dict[str, Array]] = []
        for n in range(B):
            one = reference.stacks.by_lag(
                levels, self.x[:, n], self._initial(self.values, n), dh[:, n], resets
            )
            total = one if not total else [
                {name: a[name] + b[name] for name in a} for a, b in zip(total, one, strict=True)
            ]  # fmt: skip
        loops = {
            prefix + name: terms.sum(0)
            for prefix, part in zip(self.prefixes, total, strict=True)
            for name, terms in part.items()
        }
        return loops | readout, [part["W_R"] for part in total]


def _textbook(layer: Layer) -> tuple[reference.Phi, reference.Phi]:
    """The reference's own φ and φ′; a user's pair is the only one there is."""
    phi = layer.phi
    if phi.name in reference.PHI:
        return reference.PHI[phi.name]
    return phi.value, lambda z: phi.derivative(z, phi.value(z))


def _takes_complex(phi: reference.Phi) -> bool:
    """Whether φ is analytic in its code: a tiny imaginary part comes through as the slope."""
    z = np.array([0.3, -0.7])
    try:
        slope = np.imag(phi(z + 1e-30j)) / 1e-30
    except (TypeError, ValueError):
        return False
    return bool(np.allclose(slope, (phi(z + 1e-6) - phi(z - 1e-6)) / 2e-6, rtol=1e-6))


def _readout_loops(run: Run) -> dict[str, Array]:
    """dW_O and db_O, one step and sequence at a time."""
    N, B, O = run.do.shape
    dW_O, db_O = np.zeros((O, run.h.shape[2])), np.zeros(O)
    for i in range(N):
        for n in range(B):
            dW_O += np.outer(run.do[i, n], run.h[i, n])
            db_O += run.do[i, n]
    return {"W_O": dW_O, "b_O": db_O}
