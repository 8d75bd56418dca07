"""Which part of the gradient goes by the recurrences, and which around them."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers", reason="pip install transformers")

import torch
import transformers
from torch import nn

from bptt.errors import AgreementError, OptionError
from bptt.torch_models import Decay, Scan, register, ways_back
from tests.torch_models.scan_oracle import wide

T, B, WINDOW, CONVOLVED = 24, 2, 6, 3


def last(model, batch):
    return model(batch, use_cache=False).last_hidden_state[:, -1].pow(3).sum()


def griffin():
    torch.manual_seed(0)
    config = transformers.RecurrentGemmaConfig(
        vocab_size=11, hidden_size=8, num_hidden_layers=3, lru_width=8, num_attention_heads=2, num_key_value_heads=1,
        intermediate_size=8, attention_window_size=WINDOW, head_dim=4,
    )  # fmt: skip
    return transformers.RecurrentGemmaModel(config).double()


def tokens():
    return torch.randint(0, 11, (B, T), generator=torch.Generator().manual_seed(1))


def test_beyond_window_and_convolutions_all_of_it_goes_by_the_recurrence():
    with wide():
        ways = ways_back(griffin(), tokens(), last)
    # Two blocks of convolutions of four steps lie before an attention over WINDOW steps, its own among them.
    reach = WINDOW - 1 + 2 * CONVOLVED
    far = T - 1 - np.arange(T) > reach
    assert (ways.around[far] == 0).all()
    assert (ways.whole[far] > 0).all()
    np.testing.assert_allclose(ways.share[far], 1, rtol=1e-12)
    assert ways.around[~far].all()
    assert ways.by_recurrence[-1] == 0


def test_the_whole_is_autograds_and_the_rest_that_of_a_scan_with_its_state_cut():
    model = griffin()
    kind = type(model.layers[0].temporal_block.rg_lru)
    own = kind._rnn_scan

    def gradient():
        seen = []
        hook = model.embed_tokens.register_forward_hook(lambda m, a, out: seen.append(out))
        E = last(model, tokens())
        hook.remove()
        return torch.autograd.grad(E, seen)[0]

    def cut(self, hidden_states, recurrent_gate, reset, recurrent_states):
        h, every = torch.zeros_like(hidden_states[:, 0]), []
        for t in range(T):
            h = (recurrent_gate * ~reset)[:, t] * h.detach() + hidden_states[:, t]
            every.append(h)
        return torch.stack(every, 1), h

    with wide():
        ways = ways_back(model, tokens(), last)
        whole = gradient()
        kind._rnn_scan = cut
        try:
            around = gradient()
        finally:
            kind._rnn_scan = own

    def norms(part):
        return part.transpose(0, 1).flatten(1).norm(dim=1).numpy()

    np.testing.assert_allclose(ways.whole, norms(whole), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ways.around, norms(around), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ways.by_recurrence, norms(whole - around), rtol=1e-9, atol=1e-12)


class Leaky(nn.Module):
    def forward(self, x):
        h, every = 0.0, []
        for t in range(x.shape[1]):
            h = 0.5 * h + x[:, t]
            every.append(h)
        return torch.stack(every, 1)


register(Leaky, lambda m, x: Scan(Decay(torch.full_like(x, 0.5), x), lambda states: states))


def test_a_recurrence_alone_is_all_there_is():
    ways = ways_back(Leaky(), torch.ones(1, 6, 2).double(), lambda m, x: m(x)[:, -1].sum())
    np.testing.assert_allclose(ways.whole, np.sqrt(2) * 0.5 ** np.arange(5, -1, -1))
    np.testing.assert_array_equal(ways.share, [1, 1, 1, 1, 1, 0])


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(OptionError, match="whose recurrence is known"):
        ways_back(nn.Linear(2, 2), torch.ones(1, 2, 2), lambda m, x: m(x).sum())
    with pytest.raises(OptionError, match="inputs"):
        ways_back(
            Leaky(),
            torch.ones(1, 6, 2),
            lambda m, x: m.weight if hasattr(m, "weight") else torch.zeros(()),
        )
    noisy = nn.Sequential(Leaky(), nn.Dropout(0.5))

    def drawn(m, x):
        return (m(x) * torch.rand(()) * noise.pop()).sum()

    noise = [1.0, 2.0]
    with pytest.raises(AgreementError, match="recurrences cut"):
        ways_back(noisy, torch.ones(1, 6, 2), drawn)
