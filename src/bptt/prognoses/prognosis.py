"""Will it learn? What a look ahead saw, and what follows from it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from bptt.diagnosis.verdict import LOG10_VANISHED
from bptt.prognoses.calibration import MARKS, calibration, evidence
from bptt.prognoses.measured import Measured

Outlook = Literal["will learn", "will not learn", "cannot tell"]
Missing = Literal["reach", "agreement", "form"]
SURE = 0.65  # a probability from which on it is called; below 1 - SURE it is called off
SETTLED = 0.9  # of the loss without the past half-way: less at the end, and the constant is still being learnt
LEARNT = 0.8  # of the loss without the past: what is left once something of the lag is learnt; a mark of the calibration
THREE: tuple[Missing, ...] = ("reach", "agreement", "form")


@dataclass(frozen=True, eq=False)
class Prognosis:
    """Whether a network will learn what lies at the needed lag, from a look ahead on a copy.

    Attributes:
        needed_lag: the lag that the task needs, in steps.
        budget: updates of the training that it is about.
        measured: at the start, half-way and at the end of the look ahead, as far as it came.
        losses: on the batch of every update of the look ahead, before it.
        unit: of the losses; "" if it has no name.
        stopped: why the look ahead ended early, a sentence, or None.
        remarks: what was left out and why, in sentences.
        diverged: whether the training broke off, as ``stopped`` says: loss or gradient was not finite, or a copy could
            not be trained.
        epoch: updates in which all of the training's data are gone through once; infinite where every update draws anew,
            None where nobody knows.
        unlike: the kinds of recurrence, of which none was among the networks that the probability was fitted on; "" where
            it was fitted on networks of this kind.
    """

    needed_lag: int
    budget: int
    measured: tuple[Measured, ...]
    losses: tuple[float, ...]
    unit: str = ""
    stopped: str | None = None
    remarks: tuple[str, ...] = ()
    diverged: bool = False
    epoch: float | None = None
    unlike: str = ""

    @property
    def caveat(self) -> str:
        """That the probability was fitted on other recurrences, in a sentence; "" where it was not."""
        if not self.unlike:
            return ""
        return (
            "The probability was fitted on trainings of plain RNNs, LSTMs and GRUs; it was not calibrated on this kind of "
            f"recurrence ({self.unlike})."
        )

    @property
    def learnt(self) -> bool:
        """Whether the held-out loss is a fifth below what the network achieves without the past already."""
        return bool(self.measured) and self.measured[-1].loss <= LEARNT * self.measured[-1].blind

    @property
    def settled(self) -> bool:
        """Whether the best constant was learnt when the look ahead ended.

        While the loss without the past still falls, by a tenth or more from half-way on, errors and gradients are those
        of a readout that has not found its mean, and say little.
        """
        if len(self.measured) < 2:
            return False
        before, last = self.measured[-2:]
        return last.blind > SETTLED * before.blind

    @cached_property
    def evidence(self) -> dict[str, float]:
        """The numbers that the probability rests on; empty where there are none."""
        if not self.measured:
            return {}
        return evidence(self.measured, self.budget, self._trained, self.epoch)

    @property
    def _trained(self) -> float | None:
        """The mean loss on the batches between the last two measurements; None where it is not known of each."""
        if len(self.measured) < 2 or len(self.losses) < self.measured[-1].update:
            return None
        first, end = (m.update for m in self.measured[-2:])
        return float(np.mean(self.losses[first:end]))

    @cached_property
    def chances(self) -> dict[float, float]:
        """How far it comes: the probability, by q, that within the budget the held-out loss is q of that without the past.

        Calibrated on stored trainings; 1 for what it has reached, NaN if too little was measured.
        """
        if self.diverged:
            return dict.fromkeys(MARKS, 0.0)
        left = self.measured[-1].loss / self.measured[-1].blind if self.measured else np.inf
        enough = len(self.measured) > 1
        open_ = calibration().chances(calibration().score(self.evidence)) if enough else {}
        return {mark: 1.0 if left <= mark else open_.get(mark, float("nan")) for mark in MARKS}

    @property
    def probability(self) -> float:
        """That it learns within the budget: of its loss a fifth goes, measured by what it achieves without the past."""
        return self.chances[LEARNT]

    @property
    def verdict(self) -> Outlook:
        """One of will learn, will not learn and cannot tell; the last also where it has not settled."""
        if not (self.settled or self.learnt or self.diverged):
            return "cannot tell"
        if self.probability >= SURE:
            return "will learn"
        return "will not learn" if self.probability <= 1 - SURE else "cannot tell"

    @property
    def expected_step(self) -> int | None:
        """The update at which it is expected to have learnt; None where it is not expected to."""
        if self.verdict != "will learn":
            return None
        if self.learnt:
            return self.measured[-1].update
        expected = calibration().learnt_at(self.evidence) * self.budget
        return int(np.clip(expected, self.measured[-1].update, self.budget))

    @property
    def missing(self) -> Missing | None:
        """Which of reach, agreement and form is missing: what lowers the probability the most.

        It is reach where hardly anything arrives: then there is nothing to agree or to form. The three are compared with
        what networks usually had that learnt. None where it will learn, none of the three lowers it, or ``overfits`` says
        what does.
        """
        if self.verdict == "will learn" or not self.evidence or self.overfits:
            return None
        if self.evidence["reach"] < LOG10_VANISHED:
            return "reach"
        lack = {name: self._lack[name] for name in THREE if name in self._lack}
        most = max(lack, key=lambda name: lack[name])
        return most if lack[most] > 0 else None

    @property
    def overfits(self) -> bool:
        """Whether what lowers the probability the most is that little of what is learnt carries over to other sequences."""
        if self.verdict == "will learn" or not self.evidence:
            return False
        lack = sum(self._lack.get(name, 0.0) for name in ("gap", "passes"))
        return lack > max(0.0, *(self._lack.get(name, 0.0) for name in THREE))

    @cached_property
    def _lack(self) -> dict[str, float]:
        """How much less every number adds to the score than it usually does where networks learn."""
        fit = calibration()
        own, usual = fit.parts(self.evidence), fit.parts(fit.usual)
        return {name: usual[name] - own[name] for name in own}

    @property
    def curves(self) -> dict[str, list[float]]:
        """Every number by update, as columns: ``pandas.DataFrame(prognosis.curves)``. NaN where it was left out."""
        nan = float("nan")
        columns: dict[str, list[float]] = {
            "update": [m.update for m in self.measured],
            "loss": [m.loss for m in self.measured],
            "blind": [m.blind for m in self.measured],
            "log10_attenuation": [m.log10_attenuation for m in self.measured],
            "form": [nan if m.form is None else m.form for m in self.measured],
        }
        for name in ("coherence", "error", "rate"):
            columns[f"agreement_{name}"] = [
                nan if m.agreement is None else getattr(m.agreement, name) for m in self.measured
            ]
        return columns
