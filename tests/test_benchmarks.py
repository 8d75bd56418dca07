"""The benchmarks run: whoever is timed answers first, and the answers are compared."""

from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.cases import Case, Shape
from benchmarks.run import agree, medians, memory
from benchmarks.worker import Worker

SMALL = Shape(6, 2, 3, 4)


def test_contenders_agree_before_they_are_timed(monkeypatch):
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name)) for name in ("bptt", "numpy", "torch")}
        ms = medians(workers, Case("LSTM", SMALL), turns=1, seconds=0.01)
        assert ms.keys() == workers.keys()
        assert all(time > 0 for time in ms.values())
        agree(workers, Case("RNN", SMALL, "by_lag"))
        ask = workers["torch"].ask

        def one_percent_off(what, **given):
            answer = ask(what, **given)
            if what == "answer":
                with np.load(given["path"]) as arrays:
                    off = [1.01 * array for array in arrays.values()]
                np.savez(given["path"], *off)
            return answer

        monkeypatch.setattr(workers["torch"], "ask", one_percent_off)
        with pytest.raises(AssertionError, match="torch"):
            agree(workers, Case("LSTM", SMALL))


def test_memory_and_the_speed_of_products_are_measured():
    needed = memory(Case("RNN", Shape(200, 32, 64, 128)), ("bptt", "torch"))
    assert needed.keys() == {"bptt", "torch"}
    assert all(1 < megabytes < 100 for megabytes in needed.values())
    with Worker("bptt") as worker:
        assert worker.ask("product") > 1e9
