"""What all of these tests run with."""

import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """The models are so small that a second thread is waited for longer than it works."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
