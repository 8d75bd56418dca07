"""``bptt.compare``: reports of several seeds and settings, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from bptt.arrays import as_choice, as_kind
from bptt.comparison.comparison import Comparison
from bptt.comparison.run import CURVES, Run, as_run
from bptt.comparison.spread import BANDS
from bptt.errors import OptionError
from bptt.presentation.series import MOST


def compare(
    groups: Mapping[str, Any],
    what: str = "log10_norm",
    *,
    band: str = "quartiles",
    layer: str | None = None,
    stage: str | None = None,
) -> Comparison:
    """Set reports beside one another: one figure by lag, with a curve and a band over seeds for each group, and one table.

    Args:
        groups: name to a report, the path of one saved as .json, or a list of them, one per seed.
        what: the curve, a column of ``report.to_frame()``: log10_norm, log10_signal, share, cumulative, gain, bias_window ...
        band: "quartiles" (the curve is the median, the band 25 % to 75 %), "range" (smallest to largest) or "stderr" (the
            curve is the mean, the band ± one standard error).
        layer: name of the layer; None takes the one that decides each report's verdict.
        stage: "before training" or "after training"; None takes the last.

    Raises:
        OptionError: if there is no group, one is empty, there are more than eight, or a report has no such curve, layer
            or stage.
        FileError: if a file cannot be read, or is no saved report.

    >>> import numpy as np, bptt
    >>> x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
    >>> def report(scheme, seed):
    ...     net = bptt.Network.init(3, 16, 2, scheme=scheme, loss_at="last", rng=seed)
    ...     return bptt.diagnose(net, (x, np.zeros(8, int)))
    >>> schemes = "orthogonal", "pytorch"
    >>> compared = bptt.compare({name: [report(name, seed) for seed in range(3)] for name in schemes})
    >>> compared
    Comparison(orthogonal: 3, pytorch: 3; log10_norm, quartiles)
    >>> compared.said
    'Curve: median of 3 runs. Band: quartiles, 25 % to 75 %.'
    """
    as_kind(
        "groups", groups, Mapping, "a dict, name to reports",
        'For example {"orthogonal": [report_0, report_1], "default": [report_2, report_3]}.',
    )  # fmt: skip
    as_choice("what", what, CURVES)
    as_choice("band", band, tuple(BANDS))
    if not groups:
        raise OptionError("groups", "at least one group", "none", 'Pass {"name": report}.')
    if len(groups) > MOST:
        raise OptionError(
            "groups", f"at most {MOST}, which can be told apart", str(len(groups)), "Compare fewer."
        )
    runs = {str(name): _runs(str(name), given, layer, stage) for name, given in groups.items()}
    for several in runs.values():
        for run in several:
            run.curve(what)
    return Comparison(runs, what, band)


def _runs(name: str, given: Any, layer: str | None, stage: str | None) -> list[Run]:
    several = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not several:
        raise OptionError(
            "groups", f"at least one report in {name!r}", "none", "Leave the group out."
        )
    return [one if isinstance(one, Run) else as_run(one, layer, stage) for one in several]
