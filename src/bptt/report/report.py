"""A report: a diagnosis as it is shown, and what can be done about it."""

from collections.abc import Callable, Sequence
from typing import Any

from bptt.errors import OptionError
from bptt.presentation.progress import bar
from bptt.prognoses import BUDGET
from bptt.remedies import Settings, Subject, apply_remedy, remedied, try_remedies
from bptt.report.forms import Shown
from bptt.report.prognosis import PrognosisReport, Training, as_budget, report_of
from bptt.report.remedies.report import RemedyReport


class Report(Shown):
    """How far back the gradient of a network reaches, why no further, and what to change."""

    def apply(self, remedy: str | None = None, *, seed: int = 0) -> dict[str, Any]:
        """Make the change of a remedy in the model itself, without trying it first; of several kinds of layers in those it suits.

        The report goes on saying what was measured before: call ``bptt.diagnose`` again.

        Args:
            remedy: its name in ``bptt.remedies.CATALOGUE``; the first that ``advice`` names if None.
            seed: of the weights that are drawn.

        Returns:
            what is to be set in the training too, by name: "clip", "window" or "omega".

        Raises:
            OptionError: if the report was not made by ``bptt.diagnose``, there is no such remedy, or it does not
                apply; the error says why.

        >>> import numpy as np, bptt
        >>> net = bptt.Network.init(3, 16, 2, cell="lstm", loss_at="last", rng=0)
        >>> batch = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32"), np.zeros(8, int)
        >>> report = bptt.diagnose(net, batch)
        >>> report.verdict, report.advice[0].remedy, report.advice[0].code
        ('vanishing', 'chrono', 'report.apply("chrono")')
        >>> report.apply("chrono")
        {}
        >>> bptt.diagnose(net, batch).verdict
        'steady'
        """
        if remedy is None:
            remedy = next((each.remedy for each in self.advice if each.remedy is not None), None)
        if remedy is None:
            raise OptionError(
                "remedy", "the name of one", "None, and no advice here names one",
                "Follow the sentences of report.advice, or choose a name from bptt.remedies.CATALOGUE.",
            )  # fmt: skip
        return apply_remedy(self._with(None, Settings()), remedy, seed)

    def remedied(self, remedy: str, *, seed: int = 0) -> Any:
        """A copy of the model with the change of a remedy; for layers of another kind, a GRU in the place of an RNN.

        Args:
            remedy: its name in ``bptt.remedies.CATALOGUE``.
            seed: of the weights that are drawn.

        Raises:
            OptionError: as ``apply``.
        """
        return remedied(self._with(None, Settings()), remedy, seed)

    def _with(self, data: Any, settings: Settings) -> Subject:
        """The model as remedies are tried on it.

        Raises:
            OptionError: if the report has no model.
        """
        if self.subject is None:
            raise OptionError(
                "report", "one that bptt.diagnose made", "one without its model",
                "Call bptt.diagnose(model, batch) again.",
            )  # fmt: skip
        return self.subject(data, settings)

    def prognosis(
        self,
        data: Any = None,
        budget: int = BUDGET,
        *,
        lr: float = 1e-3,
        batch: int = 32,
        clip: float | None = 1.0,
        length: int | None = None,
        window: int | None = None,
        omega: float = 0.0,
        curriculum: Any = None,
        step: Callable[[Any, Any], Any] | None = None,
        seed: int = 0,
        progress: bool = True,
    ) -> PrognosisReport:
        """Say whether the network will learn what lies at the needed lag, from a look ahead on a copy.

        From then on the report shows it too, on its page, in the terminal and in its JSON. See ``bptt.prognosis``.

        Args:
            data: what the copy learns from, as for ``bptt.prognosis``; the batch itself, whose sequences are split, if
                None.
            budget: updates of the whole training that you plan.
            lr: of Adam.
            batch: sequences per update.
            clip: largest norm of the gradient; None never clips.
            length: of text: time steps per update.
            window: of text: how far back its gradient reaches.
            omega: weight of Pascanu's Ω in the loss.
            curriculum: the length of a task's sequences from update to update.
            step: as for ``bptt.prognosis``.
            seed: of the order of the data, and of what is held out.
            progress: whether to say what it costs, and to show a bar with the time left.

        Raises:
            OptionError: if the report was not made by ``bptt.diagnose``, or as for ``bptt.prognosis``.
        """
        if self.learner is None:
            raise OptionError(
                "report", "one that bptt.diagnose made", "one without its model",
                "Call bptt.prognosis(model, data).",
            )  # fmt: skip
        budget = as_budget(budget)
        training = Training(lr, batch, clip, length, window, omega, curriculum, step, seed)
        ahead = report_of(self.learner(data, training), budget, title=self.title, progress=progress)
        object.__setattr__(self, "ahead", ahead)  # the diagnosis stays as it is
        return ahead

    def try_remedies(
        self,
        data: Any = None,
        *,
        only: Sequence[str] | None = None,
        budget: int = BUDGET,
        lr: float = 1e-3,
        batch: int = 32,
        clip: float | None = 1.0,
        seed: int = 0,
        progress: bool = True,
    ) -> RemedyReport:
        """Try every remedy on a copy of the model, let the copies race on held-out data, and rank them.

        Each copy is measured on the same batch. Then all train a short look ahead, the better half a longer one, and
        so on; they are ranked by their prognosis, which rests on data that none has trained on. Ctrl-C ends the race,
        and what is known by then is ranked.

        Args:
            data: what the copies learn from, and are measured on: of a ``bptt.Network`` a text, series or task as
                ``bptt.training.train`` takes it, of a PyTorch model an iterable of batches. If None, the sequences of
                the batch are split; where they are too few, nothing is trained.
            only: names of remedies (``bptt.remedies.CATALOGUE``); all if None.
            budget: weight updates of the training that you plan. The race takes about as long as they would, longer
                where they are few. 0 trains nothing.
            lr: of Adam.
            batch: sequences per update, where ``data`` is drawn from.
            clip: largest norm of the gradient; None never clips.
            seed: of the weights that are drawn, of the order of the data, and of what is held out.
            progress: whether to show a bar with the time left.

        Raises:
            OptionError: if the report was not made by ``bptt.diagnose``, no remedy applies, or the data leave too
                little to hold out.
        """
        settings = Settings(budget, lr, batch, clip, seed=seed)
        subject = self._with(data, settings)
        cost = (
            f"Remedies: a race that takes about as long as {settings.budget:,} updates of the model as it is; longer where they "
            "are too few to make and measure all copies."
        )
        with bar("remedies", shown=progress, first=cost if settings.budget else "") as update:
            ranking = try_remedies(subject, only=only, rng=settings.seed, progress=update)
        return RemedyReport.of(ranking, self.title, self.facts)
