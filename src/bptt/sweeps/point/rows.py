"""The columns of a row: what a point is, and what was measured of it, with type, unit and meaning of each."""

from dataclasses import fields
from typing import get_type_hints

from bptt.configuration import Configuration
from bptt.report.tidy import LAYER_FIELDS
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
_OF_A_LAYER = {each.name: each for each in LAYER_FIELDS}
MEASURED_FIELDS = (
    Field("layer", str, "", "name of the layer that the verdict is about"),
    *(
        _OF_A_LAYER[name]
        for name in (
            "lyapunov", "lyapunov_stderr", "rate", "horizon", "log10_attenuation", "needed_lag", "verdict", "cause",
        )
    ),
    Field("truncation", int, "steps", _OF_A_LAYER["window"].meaning),
    Field("memory", float, "1", "R² of the input of the needed lag, read off the state"),
    Field("E", float, "", "loss before training"),
    _OF_A_LAYER["residual"],
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
# Of every layer, beside its curves by lag.
LAYERS = (
    Field("layer", str, "", "name of the layer"),
    *(each for each in LAYER_FIELDS if each.name != "E"),
    Field(
        "isometry", float, "1",
        "variance of the squared singular values of ∂s_t/∂s_{t-1} over their squared mean, at the last step: 0 is an isometry",
    ),
)  # fmt: skip
