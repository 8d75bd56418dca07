"""Where points are measured: processes or threads here, or the workers of a Dask or Ray cluster, by joblib.

Workers times the kernels' threads is the number of processors. NumPy's products use one thread everywhere,
not because of speed only: their last bits depend on it.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from bptt.errors import OptionError
from bptt.files import reason
from bptt.kernels.threads import get_num_threads, set_num_threads
from bptt.sweeps.plan import Point
from bptt.sweeps.point import Row, measured

ENGINES = ("loky", "threads", "dask", "ray")
CURES = {"dask": "pip install 'dask[distributed]'.", "ray": "pip install ray."}
TIMEOUT = 10  # seconds to find a cluster
ROUND = 2.0  # seconds that a round on Ray should last

Rows = Generator[Row, None, None]
Run = Callable[[Sequence[Point]], Rows]


class WorkerDied(Exception):
    """A worker process ended before its work was done."""


def check_engine(name: str, workers: int | None, address: str | None) -> None:
    """Refuse what cannot run, before anything is begun.

    Raises:
        OptionError: if there is no such engine, a package is missing, or the options do not go together.
    """
    if name not in ENGINES:
        raise OptionError("engine", "one of " + ", ".join(ENGINES), repr(name), "Choose one.")
    if workers is not None and workers < 1:
        raise OptionError("workers", "a number from 1", str(workers), "Give at least 1.")
    if address is not None and name not in CURES:
        raise OptionError(
            "address", "none, for this engine runs here", repr(address), "Take dask or ray."
        )
    if address is not None and workers is not None:
        raise OptionError(
            "workers", "none, for a cluster has its own", str(workers), "Leave it out."
        )
    for package in ("joblib", "threadpoolctl"):
        _need(package, "pip install 'bptt[sweep]'.")
    if name in CURES:
        _need({"dask": "distributed"}.get(name, name), CURES[name])


@contextmanager
def engine(name: str, workers: int | None, address: str | None) -> Iterator[Run]:
    """A function that measures points and gives their rows as they are finished, in any order.

    Args:
        name: one of ``ENGINES``.
        workers: how many; None: one per processor, of a cluster all there are.
        address: of a running scheduler, for dask and ray; None starts one here.

    Raises:
        OptionError: as for ``check_engine``, or if the cluster cannot be reached.
    """
    check_engine(name, workers, address)
    from joblib import cpu_count

    count = cpu_count() if workers is None else workers
    threads = 1 if address is not None else max(1, cpu_count() // count)
    if name == "threads":
        with _threads_here(count, threads) as work:
            yield partial(_streamed, n_jobs=count, backend="threading", work=work)
    elif name == "loky":
        yield partial(
            _streamed, n_jobs=count, backend="loky", work=partial(_child, os.getpid(), threads)
        )
    elif name == "dask":
        with _dask(address, count) as client:
            work = partial(_alone, threads)
            yield partial(_streamed, n_jobs=-1, backend="dask", work=work, client=client)
    else:
        with _ray(address, count) as found:
            yield partial(_in_rounds, n_jobs=found, work=partial(_alone, threads))


def _alone(threads: int, point: Point) -> Row:
    """A point in a worker process."""
    _limit(threads)
    return measured(point)


def _child(parent: int, threads: int, point: Point) -> Row:
    """A point in a process of our own."""
    _end_with(parent)
    return _alone(threads, point)


@cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent: where that was killed, joblib's would wait for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's, which need not be installed
            raise WorkerDied("Dask gave a point up: its workers died") from error
        raise
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


@contextmanager
def _dask(address: str | None, workers: int) -> Iterator[Any]:
    """A client of the scheduler at the address, or of one in this machine that lives as long."""
    from distributed import Client, LocalCluster

    if address is None:
        with (
            LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        ):
            yield client
        return
    _knock("Dask", address, 8786)
    try:
        client = Client(address, timeout=TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise _unreachable("Dask", address, error) from error
    with client:
        yield client


@contextmanager
def _ray(address: str | None, workers: int) -> Iterator[int]:
    """How many workers the cluster at the address has, or one in this machine that lives as long."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # measuring must not report elsewhere
    import ray
    from ray.util.joblib import register_ray

    register_ray()  # type: ignore[no-untyped-call]
    options: Any = {"log_to_driver": False, "logging_level": "ERROR"}
    ours = not ray.is_initialized()
    if ours and address is not None:
        _knock("Ray", address, 10001)
    try:
        if ours and address is None:
            ray.init("local", num_cpus=workers, include_dashboard=False, **options)
        elif ours:
            ray.init(address, **options)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise _unreachable("Ray", address, error) from error
    try:
        yield int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    finally:
        if ours:
            ray.shutdown()


def _need(package: str, cure: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise OptionError("engine", f"the package {package}", "none installed", cure)


def _knock(kind: str, address: str, port: int) -> None:
    """Refuse an address that nobody listens at; the libraries themselves take minutes to say so.

    Raises:
        OptionError: if there is no answer.
    """
    import socket
    from urllib.parse import urlsplit

    if address in ("auto", "local"):  # Ray's words
        return
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        socket.create_connection((parts.hostname or "", parts.port or port), TIMEOUT).close()
    except (OSError, ValueError) as error:
        raise _unreachable(kind, address, error) from error


def _unreachable(kind: str, address: str | None, error: Exception) -> OptionError:
    said = (reason(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    example = {"Dask": "tcp://host:8786", "Ray": "ray://host:10001"}[kind]
    return OptionError(
        "address", f"a running {kind} scheduler at {address!r}", said,
        f"Start one and give its address, {example} for example, or leave it out to use this machine.",
    )  # fmt: skip
