"""An agent of sb3-contrib with accelerated LSTMs lives through the same episodes, and learns the same."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("sb3_contrib", reason="pip install sb3-contrib")

from benchmarks import agents

from bptt.kernels import whole_layer

pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(not whole_layer.available, reason="needs the compiled loops"),
]


def test_the_same_rewards_and_weights():
    (_, rewards, weights), (_, rewards_, weights_) = (agents.learnt(a, 384) for a in (False, True))
    assert rewards == rewards_
    assert len(rewards) > 5
    for name, value in weights.items():
        assert float((value - weights_[name]).abs().max()) < 1e-5, name
