"""The charts of a look ahead with their headings, findings and tables."""

from bptt.presentation.figure import Figure, figure
from bptt.prognoses import Prognosis
from bptt.report.prognosis import charts, findings
from bptt.report.prognosis.sentences import near_lag

ABOVE = "Nine in ten of the stored networks that learnt lay above the dotted line."


def three(prognosis: Prognosis) -> list[Figure]:
    """Reach, agreement and form: what the first screen shows."""
    lag, near = prognosis.needed_lag, near_lag(prognosis)
    left_out = (
        " ".join(prognosis.remarks) or "no sequence has so long a past, or the data are too few."
    )
    return [
        figure(
            "reach", "Reach",
            f"How much of the error signal arrives {lag} steps back, of the layer where it is weakest, on a log scale: while "
            f"a network learns, it may grow. {ABOVE}",
            charts.reach(prognosis),
            lambda: findings.reach(prognosis),
            lambda: findings.reach_table(prognosis),
            "no error signal arrives there at all.",
        ),
        figure(
            "agreement", "Agreement",
            "How much of the gradient from the far lags pulls the same way on other data, with its standard error: 1, every "
            f"batch says the same; 0, noise. Lags count as far from half of the needed lag on, {near}.",
            charts.agreement(prognosis),
            lambda: findings.agreement(prognosis),
            lambda: findings.agreement_table(prognosis),
            left_out,
        ),
        figure(
            "form", "Form",
            "How much of what the loss asks for the network can put together out of what lies far back: R² of its tangent "
            f"features on sequences that they were not fitted to; 1 is all of it. {ABOVE}",
            charts.form(prognosis),
            lambda: findings.form(prognosis),
            lambda: findings.form_table(prognosis),
            left_out,
        ),
    ]  # fmt: skip


def figures(prognosis: Prognosis) -> list[Figure]:
    """All of them."""
    return [
        *three(prognosis),
        figure(
            "losses", "The loss of the copy",
            "Grey, on the batch of each update; blue, on held-out sequences; orange and dashed, on the same where every "
            "sequence shows the network the mean of all states, so that it cannot tell them apart: what it can do without "
            "the past. Below the dotted line, a fifth less than that, the lag counts as learnt.",
            charts.losses(prognosis),
            lambda: findings.losses(prognosis),
            lambda: findings.losses_table(prognosis),
            "the look ahead ended before anything was measured.",
        ),
        figure(
            "rate", "What the far lags take off the loss",
            "The part of the loss that an update takes off by what agrees in the gradient from the far lags alone, with its "
            "standard error. Times the updates that are left it says whether the budget is enough.",
            charts.rate(prognosis),
            lambda: findings.rate(prognosis),
            lambda: findings.rate_table(prognosis),
            "agreement could not be measured.",
        ),
    ]  # fmt: skip
