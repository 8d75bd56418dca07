"""A sweep from its plan to its rows: kept rows are read, missing ones are measured."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from bptt.arrays import as_kind, as_whole
from bptt.configuration import Configuration
from bptt.errors import OptionError
from bptt.sweeps.opening import of_file
from bptt.sweeps.plan.plan import Plan, Point, check_data
from bptt.sweeps.plan.refining import MOST, between_signs, refined_along
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.point import Row, lost
from bptt.sweeps.results import Sweep
from bptt.sweeps.running.clusters import WorkerDied
from bptt.sweeps.running.engines import Run, check_engine, measuring
from bptt.sweeps.running.progress import Progress, Show, bar
from bptt.sweeps.store.store import Store
from bptt.version import __version__

BETWEEN = 0.2  # seconds, at least, between two transactions
TOGETHER = 2  # deaths of workers, with no row in between, after which points are measured alone
ALONE = 3  # points in a row that killed their worker though it had nothing else to do: then it is not the points


def sweep(
    axes: Mapping[str, Any],
    *,
    base: Configuration | None = None,
    out: str | Path | None = None,
    sample: int | None = None,
    sample_seed: int = 0,
    train_updates: int = 0,
    lr: float = 1e-3,
    engine: str = "loky",
    workers: int | None = None,
    address: str | None = None,
    retry_failed: bool = False,
    refine: int = 0,
    curves: bool = True,
    progress: bool | Show = False,
) -> Sweep:
    """Measure many networks: every combination of the axes, or points drawn at random.

    Args:
        axes: name of a field of ``bptt.configuration.Configuration`` to its values: a list, or words such as
            "0.5:3:26" (26 values from 0.5 to 3) and "log:8:512:7" (at equal ratios).
        base: all other fields; a plain tanh RNN of 64 units that reads noise if not given.
        out: file to keep the rows in. Points that it holds already are not measured again, so a sweep
            that was stopped goes on where it was. None keeps them in memory.
        sample: how many points to draw at random; None measures every combination.
        sample_seed: seed of the draw.
        train_updates: then train each network on its data for so many weight updates; 0 only measures.
        lr: learning rate of that training, which uses Adam.
        engine: "loky" (processes), "threads", "dask" or "ray".
        workers: how many to use; one per processor if not given.
        address: address of a running Dask or Ray scheduler; one is started here if not given.
        retry_failed: whether to measure again the points that failed before.
        refine: rounds in which a point is added half-way wherever λ₁ changes its sign along the gain, or along the first
            number that varies: each halves the distance.
        curves: whether to keep the curves by lag, some three kilobytes of a point at 100 lags.
        progress: True shows a bar; a function is called with a ``Progress``.

    Returns:
        the rows of these points, in their order.

    Raises:
        OptionError: if an axis, a number or the engine is not valid, or the cluster cannot be reached.
        FileError: if the file is of another kind, is in use, or cannot be written.
    """
    if out is not None:
        as_kind("out", out, (str, Path), "the path of a file", "Pass a string or a Path.")
    if base is None:
        base = Configuration()
    cure = "Make one with bptt.configuration.Configuration(...), or leave it out."
    as_kind("base", base, Configuration, "a Configuration", cure)
    plan = Plan(axes, base, sample, sample_seed, train_updates, lr)
    return run_plan(
        plan, out=out, engine=engine, workers=workers, address=address, retry_failed=retry_failed,
        refine=refine, curves=curves, progress=progress,
    )  # fmt: skip


def run_plan(
    plan: Plan,
    *,
    out: str | Path | None = None,
    engine: str = "loky",
    workers: int | None = None,
    address: str | None = None,
    retry_failed: bool = False,
    refine: int = 0,
    curves: bool = True,
    progress: bool | Show = False,
) -> Sweep:
    """Measure the points of a plan.

    Args:
        plan: what to measure.
        out: file to keep the rows in, as for ``sweep``.
        engine: "loky" (processes), "threads", "dask" or "ray".
        workers: how many to use; one per processor if not given.
        address: address of a running Dask or Ray scheduler; one is started here if not given.
        retry_failed: whether to measure again the points that failed before.
        refine: rounds in which a point is added half-way wherever λ₁ changes its sign along the gain, or along the first
            number that varies: each halves the distance.
        curves: whether to keep the curves by lag, some three kilobytes of a point at 100 lags.
        progress: True shows a bar; a function is called with a ``Progress``.

    Returns:
        the rows of these points, in their order.

    Raises:
        OptionError, FileError: as for ``sweep``.
    """
    workers = check_engine(engine, workers, address)
    refine = as_whole("refine", refine, 0, MOST, cure="5 makes the distance 32 times smaller.")
    along = refined_along(plan) if refine else ""
    points = {point.key: point for point in plan.points()}
    check_data(points.values())
    with ExitStack() as stack:
        store = stack.enter_context(Store(out, write=True))
        engine_of = _Once(stack, engine, workers, address)
        if _missing(store, points, retry_failed):
            engine_of()  # what cannot be reached is said before the bar is drawn
        show = stack.enter_context(bar()) if progress is True else progress or (lambda _: None)
        for rounds_left in reversed(range(refine + 1)):
            again = retry_failed and rounds_left == refine
            _measure_missing(store, points, engine_of, show, again, curves)
            if rounds_left:
                measured = dict(
                    zip(points, _rows_of(store, points).column("lyapunov"), strict=True)
                )
                points |= {p.key: p for p in between_signs(list(points.values()), measured, along)}
        rows = _rows_of(store, points)
        if out is not None:
            return of_file(out, rows)
        assert rows.ids is not None
        return Sweep(rows, None, store.layers(rows.ids).of)


def _rows_of(store: Store, points: dict[str, Point]) -> Rows:
    """The rows of points, in their order."""
    rows, ids = store.rows(), store.ids()
    assert rows.ids is not None
    order = np.argsort(rows.ids)
    wanted = np.array([ids[key] for key in points], np.int64)
    return rows.some(order[np.searchsorted(rows.ids, wanted, sorter=order)])


class _Once:
    """An engine that is started where the first point is missing."""

    def __init__(self, stack: ExitStack, *how: Any) -> None:
        self.stack, self.how = stack, how
        self.run: Run | None = None

    def __call__(self) -> Run:
        """The engine."""
        if self.run is None:
            self.run = self.stack.enter_context(measuring(*self.how))
        return self.run


def _measure_missing(
    store: Store,
    points: dict[str, Point],
    engine: _Once,
    show: Show,
    retry_failed: bool,
    curves: bool,
) -> None:
    """All points that the file does not hold yet."""
    missing = _missing(store, points, retry_failed)
    failed = sum(
        status == "failed" and key in points and key not in missing
        for key, status in store.statuses().items()
    )
    writer = _Writer(store, missing, len(points), failed, show, curves)
    if missing:
        _measure(engine(), writer)


def _missing(store: Store, points: dict[str, Point], retry_failed: bool) -> dict[str, Point]:
    """The points to measure: those that the file does not hold, and failed ones if they are to be tried again."""
    kept = {k for k, status in store.statuses().items() if status == "ok" or not retry_failed}
    return {key: point for key, point in points.items() if key not in kept}


class _Writer:
    """Takes rows as they come and writes them some at a time."""

    def __init__(
        self,
        store: Store,
        missing: dict[str, Point],
        points: int,
        failed: int,
        show: Show,
        curves: bool,
    ) -> None:
        self.store, self.missing, self.points, self.failed = store, missing, points, failed
        self.curves = curves
        self.show, self.rows, self.computed = show, list[Row](), 0
        self.written = monotonic()
        self._shown()

    def take(self, row: Row) -> None:
        """A finished row; written at once if some time has gone by.

        Raises:
            OptionError: if it was measured by another version of this library.
            FileError: if it cannot be written.
        """
        if row["version"] != __version__:
            raise OptionError(
                "address", f"workers with bptt {__version__}", f"bptt {row['version']}",
                "Install the same version everywhere.",
            )  # fmt: skip
        if not self.curves:
            row |= {"by_layer": [layer | {"curves": None} for layer in row.get("by_layer", ())]}
        self.rows.append(row)
        del self.missing[row["key"]]
        self.computed += 1
        self.failed += row["status"] == "failed"
        if monotonic() - self.written > BETWEEN:
            self.write()

    def write(self) -> None:
        """Write what is waiting."""
        if self.rows:
            self.store.add(self.rows)
            self.rows.clear()
        self.written = monotonic()
        self._shown()

    def _shown(self) -> None:
        done = self.points - len(self.missing)
        self.show(Progress(done, self.points, self.computed, self.failed))


def _measure(run: Run, writer: _Writer) -> None:
    """All missing points, with new workers where some died.

    Raises:
        OptionError: if the workers die whatever they measure.
    """
    deaths = 0  # without a row in between
    while writer.missing:
        before = writer.computed
        try:
            _take(run, list(writer.missing.values()), writer)
        except WorkerDied:
            deaths = deaths + 1 if writer.computed == before else 1
            if deaths == TOGETHER:
                _one_by_one(run, writer)
                deaths = 0


def _one_by_one(run: Run, writer: _Writer) -> None:
    """Measure points alone, until one is found that its worker does not survive; that one is recorded as failed.

    Raises:
        OptionError: if the workers of several in a row die: it is not the points then, and none is recorded.
    """
    deadly: list[Row] = []
    for point in list(writer.missing.values()):
        try:
            _take(run, [point], writer)
        except WorkerDied as error:
            deadly.append(lost(point, error))
            if len(deadly) == ALONE:
                raise OptionError(
                    "workers", "workers that live", f"{ALONE} that died in a row, each with one point alone: {error}",
                    f"Finished rows are kept. Use smaller networks, or find what ends them; the next point was {point.key}.",
                ) from error  # fmt: skip
        else:
            if deadly:
                break
    for row in deadly:
        writer.take(row)
    writer.write()


def _take(run: Run, points: list[Point], writer: _Writer) -> None:
    try:
        with closing(run(points)) as rows:
            for row in rows:
                writer.take(row)
    finally:
        writer.write()
