"""The columns of a row: what a point is, and what was measured of it, with type, unit and meaning of each."""

from dataclasses import fields
from typing import get_type_hints

from bptt.configuration import Configuration
from bptt.tables import Field
from bptt.tables.columns import Kind

_HINTS = get_type_hints(Configuration)
_UNITS = {"hidden": "units", "length": "steps", "batch": "sequences", "gain": "1", "input_variance": "1", "bias": "1"}  # fmt: skip
_MEANINGS = {
    "cell": "rnn, lstm, gru or cho_gru",
    "activation": "of a plain RNN",
    "init": "scheme of the weights",
    "gain": "factor of W_R",
    "input_variance": "variance that W_F x adds to every z in the lowest layer",
    "bias": "added to b; of an LSTM to the forget gate's part, of a GRU to the update gate's",
    "hidden": "H",
    "layers": "number of layers",
    "length": "T",
    "batch": "B",
    "seed": "of weights and sequences",
    "data": "what is read",
    "loss_at": "where the loss is",
    "dtype": "of the numbers",
}


def _kind(name: str) -> Kind:
    hint = int if _HINTS[name] == bool | None else _HINTS[name]  # a database has no truths
    return next(kind for kind in (str, int, float) if hint in (kind, kind | None))


def _fields_of_a_setting() -> tuple[Field, ...]:
    return tuple(
        Field(f.name, _kind(f.name), _UNITS.get(f.name, ""), _MEANINGS.get(f.name, "how the file is read"))
        for f in fields(Configuration)
    )  # fmt: skip


SETTING_FIELDS = (
    *_fields_of_a_setting(),
    Field("train_updates", int, "", "weight updates of the training"),
    Field("lr", float, "1", "learning rate of Adam"),
)
OUTCOME_FIELDS = (
    Field("version", str, "", "of bptt"),
    Field("status", str, "", "ok or failed"),
    Field("error", str, "", "why"),
)
MEASURED_FIELDS = (
    Field("layer", str, "", "name of the layer that the verdict is about"),
    Field("lyapunov", float, "ln per step", "largest Lyapunov exponent λ₁ (Q11)"),
    Field("lyapunov_stderr", float, "ln per step", "its standard error"),
    Field("rate", float, "ln per step", "mean growth of the signal per step back, up to the horizon (Q8)"),
    Field("horizon", int, "steps", "lags 0 .. horizon hold 95 % of Σ‖G_k‖ (Q8)"),
    Field("log10_attenuation", float, "log10", "signal at the needed lag over that at the first (Q12)"),
    Field("needed_lag", int, "steps", "the lag that the verdict is about (Q12)"),
    Field("verdict", str, "", "vanishing, exploding or steady (Q12)"),
    Field("cause", str, "", "what carries most of it (Q12)"),
    Field("truncation", int, "steps", "shortest sliding window with at most 5 % bias (Q10)"),
    Field("memory", float, "1", "R² of the input of the needed lag, read off the state"),
    Field("E", float, "", "loss before training"),
    Field("residual", float, "1", "‖Σ G_k - dW‖ / ‖dW‖"),
    Field("loss", float, "", "training loss at the end"),
    Field("score", float, "", "held-out score at the end"),
    Field("solved", int, "", "1 where the task was solved, 0 where it was not"),
    Field("seconds", float, "s", "that the point took"),
)  # fmt: skip
FIELDS = (*SETTING_FIELDS, *OUTCOME_FIELDS, *MEASURED_FIELDS)
CONFIGURATION: dict[str, Kind] = {each.name: each.kind for each in SETTING_FIELDS}
OUTCOME: dict[str, Kind] = {each.name: each.kind for each in OUTCOME_FIELDS}
MEASURES: dict[str, Kind] = {each.name: each.kind for each in MEASURED_FIELDS}
COLUMNS: dict[str, Kind] = CONFIGURATION | OUTCOME | MEASURES
