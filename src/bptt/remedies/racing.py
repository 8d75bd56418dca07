"""Candidates that race: copies trained a while, measured on held-out data, the better half trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bptt.errors import BpttError, NonFiniteError
from bptt.prognoses import Learner, Measured, Prognosis, broke_off, measure
from bptt.remedies.rounds import Round, updates_of
from bptt.remedies.tried import UNCHANGED, Tried, order

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Race:
    """A race that was run.

    Attributes:
        budget: updates that it might cost, which is also the training that it is about.
        rounds: as planned.
        updates: of all candidates and the model as it is, that were made.
        stopped: why it ended early, a sentence, or None.
    """

    budget: int
    rounds: tuple[Round, ...]
    updates: int
    stopped: str | None = None


@dataclass(eq=False)
class Runner:
    """A candidate in a race.

    Attributes:
        tried: what it is.
        learner: the copy that trains; None once it is out.
        measured: before the first update and at the end of every round.
        losses: on the batch of every update.
        stopped: that it broke off and why, a sentence, or None.
        rounds: that it has run to their end.
    """

    tried: Tried
    learner: Learner | None
    measured: list[Measured] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    stopped: str | None = None
    rounds: int = 0
    needed_lag: int = 0
    unit: str = ""
    remarks: tuple[str, ...] = ()
    epoch: float | None = None

    @classmethod
    def of(cls, tried: Tried) -> "Runner":
        """At the start. An error of a changed copy ends its race before it begins; that of the model itself is raised."""
        try:
            learner = tried.subject.learner(tried.settings)
        except Exception as error:
            if tried.name == UNCHANGED:  # the others would not do better
                raise
            return cls(
                tried, None, stopped=broke_off(0, why(error)), needed_lag=tried.subject.needed
            )
        runner = cls(tried, learner)
        runner.needed_lag, runner.unit = learner.needed_lag, learner.unit
        runner.remarks, runner.epoch = learner.remarks, learner.epoch
        return runner

    def run(self, to: Round, note: Callable[[float], None]) -> None:
        """Train on to the depth of a round, and measure."""
        learner = self.learner
        if learner is None:
            return

        def noted(E: float) -> None:
            self.losses.append(E)
            note(E)

        try:
            if not self.measured:  # one group: from where the signal sets out
                self.measured.append(measure(learner, 1, 0))
            learner.advance(to.depth - len(self.losses), noted)
            self.measured.append(measure(learner, to.groups, to.form_groups))
            self.rounds += 1
        except Exception as error:
            if self.tried.name == UNCHANGED and not isinstance(error, NonFiniteError):
                raise
            self.out(broke_off(len(self.losses), why(error)))

    def out(self, stopped: str | None = None) -> None:
        """Train no further; the copy is let go."""
        self.learner = None
        self.stopped = stopped

    def result(self, budget: int) -> Tried:
        """What is known of it."""
        prognosis = Prognosis(
            self.needed_lag, budget, tuple(self.measured), tuple(self.losses), self.unit, self.stopped, self.remarks,
            self.stopped is not None, self.epoch,
        )  # fmt: skip
        return replace(self.tried, prognosis=prognosis, rounds=self.rounds)


def race(
    candidates: Sequence[Tried], rounds: Sequence[Round], budget: int, progress: Progress
) -> tuple[list[Tried], Race]:
    """Run a race. Ctrl-C ends it; what is known by then is returned.

    Args:
        candidates: the model as it is first.
        rounds: as ``planned``.
        budget: updates of the whole race.
        progress: called with (updates made, updates of all rounds, what is being done).
    """
    total, stopped = updates_of(rounds), None
    runners: list[Runner] = []
    made = 0

    def note(_: float) -> None:
        nonlocal made
        made += 1
        progress(made, total, doing)

    doing = ""
    try:
        runners += [Runner.of(tried) for tried in candidates]
        alive = runners
        for number, each in enumerate(rounds, 1):
            if number > 1:
                alive = _better(alive, each.candidates, budget)
            for place, runner in enumerate(alive, 1):
                doing = (
                    f"round {number} of {len(rounds)}: {runner.tried.name}, {place} of {len(alive)}"
                )
                progress(made, total, doing)
                runner.run(each, note)
            if all(runner.learner is None for runner in alive):
                break
    except KeyboardInterrupt:
        stopped = f"Stopped by hand after {made} of {total} updates."
        if not runners:
            runners = [Runner(tried, None) for tried in candidates]
    return [runner.result(budget) for runner in runners], Race(budget, tuple(rounds), made, stopped)


def why(error: Exception) -> str:
    """An error in words."""
    return str(error) if isinstance(error, BpttError) else f"{type(error).__name__}: {error}"


def _better(runners: list[Runner], count: int, budget: int) -> list[Runner]:
    """The model as it is and the best of the others; the rest is out."""
    others = sorted(runners[1:], key=lambda runner: order(runner.result(budget)))
    for runner in others[count:]:
        runner.out(runner.stopped)
    return [runners[0], *others[:count]]
