"""The random numbers of PyTorch, NumPy and Python: kept as they are, and those of a training of its own."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Let the same random numbers be drawn from here on, whoever is asked for them."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Afterwards PyTorch, NumPy and Python draw what they would have drawn."""
    put_back = _as_they_are()
    try:
        yield
    finally:
        put_back()


class Stream:
    """Random numbers of one's own, whoever is asked for them: every time they go on where they stopped.

    Args:
        seed: that they begin with.
    """

    def __init__(self, seed: int) -> None:
        self._go_on: Callable[[], None] = lambda: seed_all(seed)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Within it these are drawn; afterwards those from before go on."""
        with random_numbers_kept():
            self._go_on()
            try:
                yield
            finally:
                self._go_on = _as_they_are()


def _as_they_are() -> Callable[[], None]:
    """What puts the random numbers back to where they are now."""
    own = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    devices = [getattr(torch, name) for name in ("cuda", "xpu") if _in_use(name)]
    of_devices = [(device.set_rng_state_all, device.get_rng_state_all()) for device in devices]
    if torch.backends.mps.is_available():
        of_devices.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))

    def put_back() -> None:
        torch.set_rng_state(own[0])
        np.random.set_state(own[1])  # noqa: NPY002
        random.setstate(own[2])
        for put_back_device, state in of_devices:
            put_back_device(state)

    return put_back


def _in_use(name: str) -> bool:
    """Whether a kind of device was used in this process: to ask it for more would wake it up."""
    device = getattr(torch, name, None)
    return device is not None and device.is_available() and device.is_initialized()
