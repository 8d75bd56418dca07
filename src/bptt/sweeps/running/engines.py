"""Where points are measured: processes or threads here, or the workers of a Dask or Ray cluster.

Workers times the kernels' threads is the number of processors. NumPy's products use one thread everywhere,
not because of speed only: their last bits depend on it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from bptt.arrays import as_choice, as_whole
from bptt.errors import OptionError
from bptt.kernels.threads import get_num_threads, set_num_threads
from bptt.sweeps.plan.plan import Point
from bptt.sweeps.point.point import Row, measured
from bptt.sweeps.running.clusters import Rows, WorkerDied, dask_client, on_dask, ray_workers

ENGINES = ("loky", "threads", "dask", "ray")
MOST = 10_000  # workers
CLUSTERS = {"dask": "distributed", "ray": "ray"}  # engine -> package
ROUND = 2.0  # seconds that a round on Ray should last

Run = Callable[[Sequence[Point]], Rows]


def check_engine(name: str, workers: int | None, address: str | None) -> int | None:
    """Refuse what cannot run, before anything is begun.

    Args:
        name: of the engine.
        workers: how many; None: one per processor.
        address: of a running scheduler, or None.

    Returns:
        workers, as an int.

    Raises:
        OptionError: if there is no such engine, a package is missing, or the arguments do not go together.
    """
    as_choice("engine", name, ENGINES)
    if workers is not None:
        workers = as_whole("workers", workers, least=1, most=MOST)
    if address is not None and name not in CLUSTERS:
        raise OptionError(
            "address", "none, for this engine runs here", repr(address), "Use dask or ray."
        )
    if address is not None and workers is not None:
        raise OptionError(
            "workers", "none, for a cluster has its own", str(workers), "Leave workers out."
        )
    for package in ("filelock", "joblib", "threadpoolctl"):
        _need(package, "sweep")
    if name in CLUSTERS:
        _need(CLUSTERS[name], name)
    return workers


@contextmanager
def measuring(name: str, workers: int | None, address: str | None) -> Iterator[Run]:
    """An engine, as a function that measures points and yields their rows as they are finished, in any order.

    Args:
        name: one of ``ENGINES``.
        workers: how many; None: one per processor, or all that a cluster has.
        address: of a running scheduler, for dask and ray; None starts one here.

    Raises:
        OptionError: as for ``check_engine``, or if the cluster cannot be reached.
    """
    check_engine(name, workers, address)
    from joblib import cpu_count

    count = cpu_count() if workers is None else workers
    threads = 1 if address is not None else max(1, cpu_count() // count)
    if name == "loky" and count > 1:
        yield partial(
            _streamed, n_jobs=count, backend="loky", work=partial(_alone, threads),
            initializer=_ending_with(os.getpid()),
        )  # fmt: skip
        return
    if name == "dask":
        with dask_client(address, count) as client:
            yield partial(on_dask, client=client, work=partial(_alone, threads))
        return
    if name == "ray":
        with ray_workers(address, count) as cluster:
            if cluster > 1:
                yield partial(_in_rounds, n_jobs=cluster, work=partial(_alone, threads))
                return
        count, threads = 1, cpu_count()
    # For one worker joblib uses this process, which must be left as it was.
    with _threads_here(count, threads) as work_here:
        yield partial(_streamed, n_jobs=count, backend="threading", work=work_here)


def _alone(threads: int, point: Point) -> Row:
    """A point in a worker process."""
    _limit(threads)
    return measured(point)


@cache
def _ending_with(parent: int) -> Callable[[], None]:
    """What a worker process calls first, to end soon after its parent: where that was killed, joblib's would wait for minutes.

    It is sent as code and not by name: it runs before anything of ours is imported, which takes longer than all else. One
    function for all sweeps, or joblib would start new processes for each.

    Args:
        parent: the process to end with.
    """

    def begin() -> None:
        import os
        import threading
        import time

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(0.2)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()

    return begin


@cache
def _limit(threads: int) -> None:
    """Once in a worker process, for as long as it lives."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    set_num_threads(threads)


@contextmanager
def _threads_here(count: int, threads: int) -> Iterator[Callable[[Point], Row]]:
    """What measures a point in one of so many threads of this process.

    A sweep that ends early waits for the points that are being measured: no thread may be in compiled code when
    the interpreter ends, and joblib leaves its threads to themselves.
    """
    from threadpoolctl import threadpool_limits

    running, stopped, before = threading.Semaphore(count), threading.Event(), get_num_threads()

    def work(point: Point) -> Row:
        with running:
            if stopped.is_set():
                raise CancelledError
            return measured(point)

    with threadpool_limits(1):
        set_num_threads(threads)
        try:
            yield work
        finally:
            stopped.set()
            for _ in range(count):
                running.acquire()
            running.release(count)
            set_num_threads(before)


def _streamed(
    points: Sequence[Point],
    *,
    n_jobs: int,
    backend: str,
    work: Callable[[Point], Row],
    **options: Any,
) -> Rows:
    """Rows one by one; joblib ships points in batches that take about as long as they should."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with parallel_config(backend, **options):
        parallel = Parallel(n_jobs, return_as="generator_unordered")
        rows = parallel(delayed(work)(point) for point in points)
    try:
        yield from rows
    except TerminatedWorkerError as error:
        raise WorkerDied("a process was killed, or ran out of memory") from error
    finally:
        rows.close()


def _in_rounds(points: Sequence[Point], *, n_jobs: int, work: Callable[[Point], Row]) -> Rows:
    """Rows round by round: Ray's backend gives results only when all are there."""
    from joblib import Parallel, delayed, parallel_config
    from ray.exceptions import RayError

    first, size = 0, 2 * n_jobs
    with parallel_config("ray"), Parallel(n_jobs) as parallel:
        while first < len(points):
            began = time.perf_counter()
            try:
                yield from parallel(delayed(work)(p) for p in points[first : first + size])
            except RayError as error:
                raise WorkerDied(str(error).splitlines()[0]) from error
            first += size
            if time.perf_counter() - began < ROUND / 2:
                size *= 2


def _need(package: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise OptionError(
            "engine",
            f"the package {package}",
            "none installed",
            f"Run pip install 'bptt[{extra}]'.",
        )
