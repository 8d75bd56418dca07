"""The workers of a Dask or Ray cluster: found at an address, or started here for one sweep."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from bptt.errors import OptionError
from bptt.files import reason
from bptt.sweeps.plan.plan import Point
from bptt.sweeps.point.point import Row

TIMEOUT = 10  # seconds to find a cluster

Rows = Generator[Row, None, None]


class WorkerDied(Exception):
    """A worker process ended before its work was done."""


@contextmanager
def dask_client(address: str | None, workers: int) -> Iterator[Any]:
    """A client of the scheduler at the address, or of one in this machine that lives as long."""
    from distributed import Client, LocalCluster

    if address is None:
        with (
            LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
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


def on_dask(points: Sequence[Point], *, client: Any, work: Callable[[Point], Row]) -> Rows:
    """Rows as the workers finish them. joblib would measure here what has one worker, or whose scheduler is gone.

    Args:
        points: to measure.
        client: of the scheduler; it takes its tasks back when the client's process ends.
        work: measures a point.

    Raises:
        WorkerDied: if Dask gives a point up.
        OptionError: if the scheduler is gone.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = client.map(work, points, pure=False)
    try:
        for future in as_completed(futures, loop=client.loop):  # type: ignore[no-untyped-call]
            yield future.result()
    except KilledWorker as error:
        raise WorkerDied("Dask gave a point up: its workers died") from error
    except CancelledError as error:
        raise OptionError(
            "engine", "a Dask scheduler that lives", "one that is gone",
            "Finished rows are kept: start the scheduler, and the same sweep again.",
        ) from error  # fmt: skip
    finally:
        client.cancel(futures)


@contextmanager
def ray_workers(address: str | None, workers: int) -> Iterator[int]:
    """How many workers the cluster at the address has, or one in this machine that lives as long."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a measurement must not report elsewhere
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
    except Exception as error:  # where it takes too long to start, Ray raises Exception itself
        if address is not None:
            raise _unreachable("Ray", address, error) from error
        raise OptionError(
            "engine", "a Ray that starts on this machine", _why(error), "Try again when it has less to do, or use loky.",
        ) from error  # fmt: skip
    try:
        yield int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    finally:
        if ours:
            ray.shutdown()


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
    example = {"Dask": "tcp://host:8786", "Ray": "ray://host:10001"}[kind]
    return OptionError(
        "address", f"a running {kind} scheduler at {address!r}", _why(error),
        f"Start one and pass its address, {example} for example, or leave address out to use this machine.",
    )  # fmt: skip


def _why(error: Exception) -> str:
    """Its first line."""
    return (reason(error).splitlines() or [type(error).__name__])[0].rstrip(".")
