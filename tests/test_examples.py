"""The notebooks of examples/, from top to bottom; what they say must be so."""

from importlib import import_module

import pytest

pytest.importorskip("marimo")
pytest.importorskip("torch")


def values(name):
    return import_module(f"examples.{name}").app.run()[1]


def test_from_a_table_to_a_classifier():
    found = values("classifier")
    assert found["report"].verdict == "vanishing"
    assert found["before"] < 0.8
    assert found["after"] > 0.9


def test_watching_a_training():
    lines = values("watching")["lines"]
    as_made, opened = lines[10], lines[-1]
    assert as_made["step"] == opened["step"] == 200
    assert as_made["loss"] > 0.3 > 10 * opened["loss"]
    assert as_made["bptt/rnn.0/horizon"] < opened["bptt/rnn.0/horizon"]


def test_the_lecture():
    found = values("lecture")
    assert found["difference"] < 1e-14
    assert found["report"].verdict == "vanishing"


def test_a_phase_diagram():
    """The border lies near mean field's, and farther out for larger inputs."""
    pytest.importorskip("joblib")
    found = values("phase_diagram")
    border = {c.of["input_variance"]: c for c in found["crossings"]}
    assert all(abs(c.at - c.theory) < 0.25 for c in border.values())
    assert border[0.5].at < border[1.0].at < border[2.0].at
    assert {row["verdict"] for row in found["swept"].rows()} >= {"vanishing", "exploding"}


def test_figures_for_a_paper():
    pytest.importorskip("joblib")
    pytest.importorskip("matplotlib")
    found = values("figures")
    assert set(found["compared"].groups) == {"orthogonal", "gaussian", "pytorch"}
    assert "quartiles" in found["compared"].said
    for zero in found["zero"].values():
        if zero.of["input_variance"] > 0.5:
            assert zero.at == pytest.approx(zero.theory, abs=0.2)
    small, large = (found["spectra"][hidden].exponents for hidden in (64, 128))
    for part in (0, 0.25, 0.5):  # nearly of one curve
        assert small[int(64 * part)] == pytest.approx(large[int(128 * part)], abs=0.35)
    for name in ("inits", "phase", "spectrum"):
        assert (found["folder"] / f"{name}.pdf").read_bytes().startswith(b"%PDF")
