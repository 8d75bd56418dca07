"""What the charts of a look ahead show, in a sentence, and their numbers."""

from collections.abc import Callable, Sequence

from bptt.presentation.figure import Table
from bptt.prognoses import Measured, Prognosis
from bptt.prognoses.agreement import Agreement
from bptt.report.prognosis.sentences import (
    coherence,
    coherence_of,
    form_of,
    loss_in,
    near_lag,
    reach_of,
)

Column = tuple[str, Callable[[Measured], str]]


def reach(prognosis: Prognosis) -> str:
    """How much of the signal arrives, and how that grew."""
    return f"The signal at lag {prognosis.needed_lag}, as a part of its size where it starts: {_from_to(prognosis, reach_of)}."


def agreement(prognosis: Prognosis) -> str:
    """The coherence, with its error."""
    near = near_lag(prognosis)
    return f"Coherence of the gradient from lag {near} on: {_from_to(prognosis, coherence_of)}."


def form(prognosis: Prognosis) -> str:
    """How much of what is asked for can be formed."""
    near = near_lag(prognosis)
    return f"R² of what the loss asks for, from lag {near} on: {_from_to(prognosis, form_of)}."


def rate(prognosis: Prognosis) -> str:
    """What the far lags take off the loss."""
    words = _from_to(prognosis, lambda m: _rate(m.agreement_mid))
    return f"Per update they take this part off the loss: {words}."


def losses(prognosis: Prognosis) -> str:
    """Where the held-out loss went, as against that without the past."""
    if not prognosis.measured:
        return f"On the last batch it is {loss_in(prognosis, prognosis.losses[-1])}."
    blind = loss_in(prognosis, prognosis.measured[-1].blind)
    words = _from_to(prognosis, lambda m: loss_in(prognosis, m.loss))
    return f"The held-out loss: {words}; without the past it would be {blind}."


def reach_table(prognosis: Prognosis) -> Table:
    """The signal."""
    lag = prognosis.needed_lag
    return _table(prognosis, [(f"signal at lag {lag}", reach_of)])


def agreement_table(prognosis: Prognosis) -> Table:
    """Coherence from either lag on, and its error."""
    near, lag = near_lag(prognosis), prognosis.needed_lag
    columns: list[Column] = [(f"coherence from lag {near} on", coherence_of)]
    if near != lag:
        columns.append(
            (f"from lag {lag} on", lambda m: "-" if m.agreement is None else coherence(m.agreement))
        )
    return _table(prognosis, columns)


def rate_table(prognosis: Prognosis) -> Table:
    """The part of the loss per update."""
    near = near_lag(prognosis)
    return _table(
        prognosis, [(f"from lag {near} on, per update", lambda m: _rate(m.agreement_mid))]
    )


def form_table(prognosis: Prognosis) -> Table:
    """R²."""
    return _table(prognosis, [("R²", form_of)])


def losses_table(prognosis: Prognosis) -> Table:
    """Both held-out losses."""
    columns: list[Column] = [
        ("held out", lambda m: f"{m.loss:.4g}"),
        ("without the past", lambda m: f"{m.blind:.4g}"),
    ]
    return _table(prognosis, columns)


def _from_to(prognosis: Prognosis, written: Callable[[Measured], str]) -> str:
    first, *later = prognosis.measured
    if not later:
        return f"{written(first)} at the start"
    last = later[-1]
    return f"{written(first)} at the start, {written(last)} after {last.update:,} updates"


def _rate(own: Agreement | None) -> str:
    return "-" if own is None else f"{own.rate:.1e} ± {own.rate_error:.1e}"


def _table(prognosis: Prognosis, columns: Sequence[Column]) -> Table:
    return Table(
        ("update", *(name for name, _ in columns)),
        tuple((f"{m.update}", *(written(m) for _, written in columns)) for m in prognosis.measured),
    )
