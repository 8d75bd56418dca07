"""The benchmarks run: whoever is timed answers first, and the answers are compared."""

from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import parts
from benchmarks.cases import Case, Shape
from benchmarks.run import NOISE, agree, medians, memory
from benchmarks.worker import Worker

from bptt.kernels import compiled_loops

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
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name, **NOISE)) for name in ("bptt", "torch")}
        small, large = Shape(200, 32, 64, 128), Shape(400, 32, 64, 128)
        first, twice, again = (memory(workers, Case("RNN", s)) for s in (small, large, small))
    for name in workers:
        assert 1 < first[name] < 100
        assert 1.5 < twice[name] / first[name] < 2.5
        assert 0.8 < again[name] / first[name] < 1.25  # what a process did before is not seen
    with Worker("bptt") as worker:
        assert worker.ask("product") > 1e9


@pytest.mark.skipif(compiled_loops.C is None, reason="the parts are those of the compiled loops")
@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_the_parts_of_a_gradient_are_told_apart(cell, monkeypatch):
    shape = Shape(300, 4, 64, 64)  # as many inputs as units
    monkeypatch.setitem(parts.SHAPES, "S4", shape)
    monkeypatch.setattr(parts, "SECONDS", 0)
    row, loops = parts.row(cell, "S4"), compiled_loops.C
    ms = row["ms"]
    assert all(ms[part] > 0.01 for part in parts.PARTS)
    assert ms["rest"] > 0
    floors = row["floor"]
    assert floors["dW"] == pytest.approx(floors["W_F x"] + floors["steps back"])
    assert sum(floors.values()) == pytest.approx(1e3 * Case(cell, shape).flops / row["flop/s"])
    assert not isinstance(loops, parts.Timed)
