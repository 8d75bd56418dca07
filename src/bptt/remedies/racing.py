"""Candidates that race: copies trained a while, measured on held-out data, the better half trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bptt.errors import BpttError, NonFiniteError
from bptt.presentation.formatting import counted
from bptt.prognoses import Learner, Measured, Prognosis, broke_off, measure
from bptt.remedies.rounds import Plan, Round
from bptt.remedies.tried import UNCHANGED, Tried, order
from bptt.remedies.with_lr import WITH, faster

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Race:
    """A race that was run.

    Attributes:
        budget: updates of the training that it is about.
        time: that it might take, in updates of the model as it is; the budget, or more where that is small.
        rounds: that were begun.
        updates: of all candidates and the model as it is, that were made.
        stopped: why it ended early, a sentence, or None.
    """

    budget: int
    time: int
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
    unlike: str = ""

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
        runner.unlike = learner.unlike
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
            self.stopped is not None, self.epoch, self.unlike,
        )  # fmt: skip
        return replace(self.tried, prognosis=prognosis, rounds=self.rounds)


@dataclass(eq=False)
class Spent:
    """How much of the time is gone, told after every update.

    Attributes:
        so_far: of it, in updates of the model as it is.
        time: all of it.
        progress: called with both, and what is being done.
        updates: made, of whatever price.
    """

    so_far: float
    time: int
    progress: Progress
    updates: int = 0
    doing: str = ""
    price: float = 1.0

    def on(self, doing: str, price: float) -> None:
        """What is done from now on, and what an update of it costs."""
        self.doing, self.price = doing, price
        self._tell()

    def update(self, _: float) -> None:
        """One more was made."""
        self.updates += 1
        self.so_far += self.price
        self._tell()

    def _tell(self) -> None:
        self.progress(min(round(self.so_far), self.time), self.time, self.doing)


def race(candidates: Sequence[Tried], budget: int, progress: Progress) -> tuple[list[Tried], Race]:
    """Run a race. Ctrl-C ends it; what is known by then is returned.

    Args:
        candidates: the model as it is first.
        budget: updates of the training that it is about.
        progress: called with (how much of the time is spent, the whole, what is being done).
    """
    costs = candidates[0].subject.costs
    plan = Plan.of([tried.price for tried in candidates], budget, costs)
    spent = Spent(plan.time - plan.left, round(plan.time), progress)
    stopped = None
    runners: list[Runner] = []
    rounds: list[Round] = []
    try:
        runners += [Runner.of(tried) for tried in candidates]
        alive = runners
        of = len(plan.counts)
        while plan.counts and any(runner.learner is not None for runner in alive):
            if rounds:
                alive = _better(alive, plan.counts[0], budget)
            if rounds and len(plan.counts) == 1:
                joining = _joining(alive, candidates, plan)
                if joining is not None:
                    runners.append(joining)
                    alive = [*alive, joining]
                    spent.on(f"joining: {joining.tried.name}", joining.tried.price)
                    joining.run(rounds[-1], spent.update)
            each = plan.next([runner.tried.price for runner in alive])
            rounds.append(each)
            for place, runner in enumerate(alive, 1):
                name, price = runner.tried.name, runner.tried.price
                spent.on(f"round {len(rounds)} of {of}: {name}, {place} of {len(alive)}", price)
                runner.run(each, spent.update)
            spent.so_far = plan.time - plan.left  # measuring and all
    except KeyboardInterrupt:
        stopped = f"Interrupted after {counted(spent.updates, 'update')}."
        if not runners:
            runners = [Runner(tried, None) for tried in candidates]
    ran = Race(budget, round(plan.time), tuple(rounds), spent.updates, stopped)
    return [runner.result(budget) for runner in runners], ran


def _joining(alive: list[Runner], candidates: Sequence[Tried], plan: Plan) -> Runner | None:
    """The best candidate with a larger learning rate, if that is a remedy here and the time pays for it."""
    if not any(tried.name == WITH for tried in candidates):
        return None
    best = alive[1]
    tried = None if best.learner is None else faster(best.tried, alive[0].tried)
    if tried is None or not plan.pays_for(tried.price, [runner.tried.price for runner in alive]):
        return None
    runner = Runner.of(tried)
    runner.measured = best.measured[:1]  # the same weights on the same data
    runner.rounds = best.rounds - 1
    return runner


def why(error: Exception) -> str:
    """An error in words."""
    return str(error) if isinstance(error, BpttError) else f"{type(error).__name__}: {error}"


def _better(runners: list[Runner], count: int, budget: int) -> list[Runner]:
    """The model as it is and the best of the others; the rest is out."""
    others = sorted(runners[1:], key=lambda runner: order(runner.result(budget)))
    for runner in others[count:]:
        runner.out(runner.stopped)
    return [runners[0], *others[:count]]
