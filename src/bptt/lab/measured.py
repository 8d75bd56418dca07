"""Everything the page shows of one network on one batch, measured once."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from bptt.arrays import Array
from bptt.configuration import Built, Configuration
from bptt.data import Series
from bptt.diagnosis import Diagnosis, LayerDiagnosis, diagnose_network
from bptt.diagnosis.lags import needed_lags
from bptt.diagnosis.layer import judge_traces, leading_exponents
from bptt.dynamics import Exponents
from bptt.gradients.by_lag import by_lag
from bptt.gradients.by_step import StepProfile, by_step
from bptt.layers import Trace
from bptt.network import Run
from bptt.report import Report


@dataclass(frozen=True, eq=False)
class Measured:
    """A network on a batch.

    Attributes:
        built: the network and the batch.
        run: its forward pass, with the errors of the states that the readout sees.
        diagnosis: of it by lag; what no chart shows is left to the report, for a slider's move waits for this.
        trace: the forward pass of the layer that decides.
    """

    built: Built
    run: Run
    diagnosis: Diagnosis
    trace: Trace

    @property
    def layer(self) -> LayerDiagnosis:
        """The layer that the verdict is about."""
        decisive = self.diagnosis.decisive
        assert isinstance(decisive, LayerDiagnosis)  # as every layer of a Network is
        return decisive

    @cached_property
    def by_step(self) -> StepProfile:
        """What each step moves in the layer; measured when its chart is drawn, after those that a slider stands beside."""
        number = self.built.network.stack.names.index(self.layer.name)
        return by_step(self.run.stack_trace, self.run.dh)[number]

    @cached_property
    def exponents(self) -> Exponents | None:
        """Leading Lyapunov exponents of the layer, measured when their chart is drawn; None of a short sequence."""
        return leading_exponents(self.trace)

    @property
    def gated(self) -> bool:
        """Whether the state is also carried past W_R."""
        return self.trace.weights.cell.carry_gate is not None

    @cached_property
    def W_R(self) -> Array:
        """(H, H) recurrent weights in float64; of a gated cell the candidate's."""
        weights = self.trace.weights
        block = weights.cell.block(weights.cell.candidate, self.trace.layer.hidden)
        return weights.W_R[block].astype(np.float64)

    @cached_property
    def eigenvalues(self) -> Array:
        """(H,) of these weights, complex."""
        return np.linalg.eigvals(self.W_R)

    @cached_property
    def z(self) -> Array:
        """(T, B, H) where φ is taken; of a gated cell the candidate's tanh."""
        saved = self.trace.gate(self.trace.weights.cell.candidate)
        if not self.gated:
            return saved
        return np.arctanh(np.clip(saved.astype(np.float64), -1 + 1e-12, 1 - 1e-12))

    @cached_property
    def slopes(self) -> Array:
        """(T, B, H) φ′(z); of a gated cell of its candidate."""
        phi = self.trace.weights.phi
        return phi.derivative(self.z, phi.value(self.z))


def measure(built: Built) -> Measured:
    """Run the network and measure it.

    Raises:
        BpttError: if the batch does not fit the network.
    """
    run = built.network.run(**built.batch)
    traces, names = run.stack_trace.traces, built.network.stack.names
    profiles = by_lag(run.stack_trace, run.dh)
    needed = needed_lags(built.needed_lag, traces, profiles)
    layers = judge_traces(names, traces, profiles, needed)
    diagnosis = Diagnosis(layers, run.E, (), None, (), None, built.needed_lag)
    return Measured(built, run, diagnosis, traces[names.index(diagnosis.decisive.name)])


@lru_cache(maxsize=32)
def measured(setting: Configuration) -> Measured:
    """What comes of a setting of the sliders; the latest are kept, for a page begins with the one it shows first."""
    return measure(setting.build())


def report_of(
    shown: Measured, setting: Configuration, file: str | None = None, given: Series | None = None
) -> Report:
    """The report of what the page shows.

    Args:
        shown: what is shown.
        setting: of the sliders; its facts stand in the head of the report where they made the network.
        file: the name of the file that the network comes from, if it comes from one.
        given: the sequences of a file that are read in the place of the setting's data.
    """
    title = f"{file or setting.cell} on {setting.data if given is None else given.name}"
    facts = [] if file else [(k, str(v)) for k, v in vars(setting).items() if v is not None]
    built = shown.built
    diagnosis = diagnose_network(built.network, built.batch, built.needed_lag)
    if given is None:
        return Report(diagnosis, title=title, facts=tuple(facts))
    facts = [fact for fact in facts if fact[0] not in ("data", "length", "batch")] + given.facts
    diagnosis = replace(diagnosis, assumed=(*diagnosis.assumed, *given.assumed))
    return Report(diagnosis, title=title, facts=tuple(facts))
