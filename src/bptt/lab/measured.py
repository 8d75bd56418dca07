"""Everything the page shows of one network on one batch, measured once."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bptt.arrays import Array
from bptt.configuration import Built, Configuration
from bptt.data import Series
from bptt.diagnosis import Diagnosis, LayerDiagnosis, diagnose_network
from bptt.layers import Trace
from bptt.report import Report


@dataclass(frozen=True, eq=False)
class Measured:
    """A network on a batch.

    Attributes:
        built: the network and the batch.
        diagnosis: of it.
        trace: the forward pass of the layer that decides.
    """

    built: Built
    diagnosis: Diagnosis
    trace: Trace

    @property
    def layer(self) -> LayerDiagnosis:
        """The layer that the verdict is about."""
        decisive = self.diagnosis.decisive
        assert isinstance(decisive, LayerDiagnosis)  # as every layer of a Network is
        return decisive

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

    def weights_alone(self) -> Array:
        """(K,) log10 of ‖W_R^k‖_F / √H: what k steps back do to an error if φ′ is left out."""
        H, power, log10 = len(self.W_R), np.eye(len(self.W_R)), 0.0
        sizes = [0.0]
        for _ in range(len(self.layer.profile.log10_norm) - 1):
            power = power @ self.W_R
            size = float(np.linalg.norm(power)) / H**0.5
            if size == 0:
                break
            power, log10 = power / size, log10 + float(np.log10(size))
            sizes.append(log10)
        return np.array(sizes)

    def slopes_alone(self) -> Array:
        """(K,) log10 of the product of φ′ over k steps back, root mean square over units and loss steps."""
        by_time = np.square(self.slopes, dtype=np.float64).mean((1, 2))
        starts = np.flatnonzero(self.layer.by_step.immediate)
        sizes = [0.0]
        for k in range(1, len(self.layer.profile.log10_norm)):
            at = starts - k
            mean = float(by_time[at[at >= 0]].mean()) if (at >= 0).any() else 0.0
            if mean == 0:
                break
            sizes.append(sizes[-1] + 0.5 * float(np.log10(mean)))
        return np.array(sizes)


def measure(built: Built) -> Measured:
    """Run the network and measure it.

    Raises:
        BpttError: if the batch does not fit the network.
    """
    diagnosis = diagnose_network(built.network, built.batch, built.needed_lag)
    run = built.network.run(**built.batch)
    number = list(diagnosis.layers).index(diagnosis.decisive.name)
    return Measured(built, diagnosis, run.stack_trace.traces[number])


def report_of(
    measured: Measured, setting: Configuration, file: str | None = None, given: Series | None = None
) -> Report:
    """The report of what the page shows.

    Args:
        measured: what is shown.
        setting: of the sliders; its facts stand in the head of the report where they made the network.
        file: the name of the file that the network comes from, if it comes from one.
        given: the sequences of a file that are read in the place of the setting's data.
    """
    title = f"{file or setting.cell} on {setting.data if given is None else given.name}"
    facts = [] if file else [(k, str(v)) for k, v in vars(setting).items() if v is not None]
    if given is None:
        return Report(measured.diagnosis, title=title, facts=tuple(facts))
    facts = [fact for fact in facts if fact[0] not in ("data", "length", "batch")] + given.facts
    diagnosis = replace(measured.diagnosis, assumed=(*measured.diagnosis.assumed, *given.assumed))
    return Report(diagnosis, title=title, facts=tuple(facts))
