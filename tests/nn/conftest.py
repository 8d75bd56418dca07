import pytest


@pytest.fixture(autouse=True)
def as_at_the_start(monkeypatch):
    """The one warning has not been given yet; without the compiled loops there is nothing to test."""
    pytest.importorskip("torch")
    from bptt.kernels import instruction_sets
    from bptt.nn import pytorchs

    if instruction_sets.compiled is None:
        pytest.skip("the compiled loops are missing")
    monkeypatch.setattr(pytorchs, "_said", [])
