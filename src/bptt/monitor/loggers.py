"""One dict per measurement, to whatever the user logs with: an object is known by the method it has.

    add_scalar(name, value, step)                     TensorBoard's SummaryWriter
    log_metrics(dict, step=)                          mlflow, every logger of Lightning
    track(value, name=, step=)                        Aim's Run
    report_scalar(title, series, value, iteration)    ClearML's Logger
    log(dict, step=)                                  a W&B run, Accelerate
    called as log(dict)                               a function of the user's own
    a path                                            a file of JSON, one line each

The first four take numbers: text stays out (TensorBoard has add_text for it). Where a value is None it is left
out; a function and the file get every name.
"""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bptt import files
from bptt.errors import OptionError

Figures = dict[str, float | int | str | None]
Log = Callable[[Figures, int], None]

DEFAULT = "bptt.jsonl"


def logger_for(log: Any) -> Log:
    """What writes figures, called as write(figures, step).

    Args:
        log: any of the above, a list of them, or None for the file bptt.jsonl in the working directory.

    Raises:
        OptionError: if it is none of these.
        FileError: if the file cannot be written.
    """
    if log is None or isinstance(log, str | Path):
        return _lines(Path(DEFAULT if log is None else log))
    if isinstance(log, list | tuple):
        return _each([logger_for(one) for one in log])
    for method, example, make in (
        ("add_scalar", ("name", 0.0, 0), _add_scalar),
        ("log_metrics", ({}, "step="), _log_metrics),
        ("track", (0.0, "name=", "step="), _track),
        ("report_scalar", ("title", "series", 0.0, 0), _report_scalar),
        ("log", ({}, "step="), _log_dict),
    ):
        if _takes(getattr(log, method, None), example):
            return make(log)
    if callable(log):
        return _call(log)
    raise OptionError(
        "log",
        "a path, a function, or an object with add_scalar, log_metrics(dict, step=), "
        "log(dict, step=), track or report_scalar",
        type(log).__name__, "A function of one dict always works: log=print.",
    )  # fmt: skip


def numbers(figures: Figures) -> dict[str, float]:
    """Those that are numbers."""
    return {name: value for name, value in figures.items() if isinstance(value, int | float)}


def nowhere(figures: Figures) -> None:
    """For ranks that do not log."""


def _takes(method: Any, example: tuple[Any, ...]) -> bool:
    """Whether it can be called so; logging.Logger.log for one cannot take (dict, step=)."""
    if not callable(method):
        return False
    by_name = {e.removesuffix("="): 0 for e in example if isinstance(e, str) and e.endswith("=")}
    positional = [e for e in example if not (isinstance(e, str) and e.endswith("="))]
    try:
        inspect.signature(method).bind(*positional, **by_name)
    except TypeError:
        return False
    except ValueError:  # written in C: it does not say
        return True
    return True


def _lines(path: Path) -> Log:
    files.check_writable(path)

    def write(figures: Figures, step: int) -> None:
        # Opened for each line: what was measured is on disk even if the training is killed.
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | figures, ensure_ascii=False) + "\n")

    return write


def _each(logs: list[Log]) -> Log:
    def write(figures: Figures, step: int) -> None:
        for log in logs:
            log(figures, step)

    return write


def _call(function: Any) -> Log:
    return lambda figures, step: function({"step": step} | figures)


def _add_scalar(writer: Any) -> Log:
    def write(figures: Figures, step: int) -> None:
        for name, value in numbers(figures).items():
            writer.add_scalar(name, value, step)
        for name, text in figures.items():
            if isinstance(text, str) and hasattr(writer, "add_text"):
                writer.add_text(name, text, step)

    return write


def _log_metrics(logger: Any) -> Log:
    return lambda figures, step: logger.log_metrics(numbers(figures), step=step)


def _log_dict(run: Any) -> Log:
    def write(figures: Figures, step: int) -> None:
        run.log({name: value for name, value in figures.items() if value is not None}, step=step)

    return write


def _track(run: Any) -> Log:
    def write(figures: Figures, step: int) -> None:
        for name, value in numbers(figures).items():
            run.track(value, name=name, step=step)

    return write


def _report_scalar(logger: Any) -> Log:
    def write(figures: Figures, step: int) -> None:
        for name, value in numbers(figures).items():
            title, _, series = name.rpartition("/")  # one plot per layer, one line per figure
            logger.report_scalar(title, series, value, step)

    return write
