"""A call that keeps nothing but inputs and outputs has the gradients of one that keeps everything."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from bptt.torch_models.capture import capturing
from bptt.torch_models.capture.room import Room

D = torch.float64
KINDS = {
    "lstm": lambda: nn.LSTM(3, 6, 2, dtype=D),
    "gru, batch first": lambda: nn.GRU(3, 6, batch_first=True, dtype=D),
    "rnn, both directions": lambda: nn.RNN(3, 6, 2, bidirectional=True, dtype=D),
    "projection": lambda: nn.LSTM(3, 6, proj_size=4, bias=False, dtype=D),
}


class Reader(nn.Module):
    """Embeds, reads from a state that is learnt, and looks at outputs and final states."""

    def __init__(self, rnn):
        super().__init__()
        self.embed, self.rnn = nn.Linear(3, 3, dtype=D), rnn
        layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
        sizes = [rnn.proj_size or rnn.hidden_size]
        sizes += [rnn.hidden_size] if isinstance(rnn, nn.LSTM) else []
        self.start = nn.ParameterList(torch.randn(layers, 1, size, dtype=D) for size in sizes)

    def forward(self, x):
        B = x.shape[0 if self.rnn.batch_first else 1]
        start = tuple(state.expand(-1, B, -1) for state in self.start)
        out, final = self.rnn(self.embed(x), start if len(start) > 1 else start[0])
        final = final if isinstance(final, tuple) else (final,)
        return sum((torch.sin(3 * part) * part).sum() for part in (out, *final))


def captured(model, x, room):
    with capturing(model, x, lambda model, x: model(x), room=room) as seen:
        inputs = [W for W in model.parameters()]
        others = torch.autograd.grad(seen.root, inputs, retain_graph=True)
        numbers = [seen.root.detach(), *others, *seen.weights.values()]
        for own in (*seen.immediate.values(), *seen.at_states.values()):
            numbers += [grad for grad in own if grad is not None]
        return numbers, type(seen.calls[0].out.node.next_functions[0][0]).__name__


@pytest.mark.parametrize("kind", KINDS)
def test_all_gradients_are_those_of_the_whole_call(kind):
    torch.manual_seed(0)
    model, x = Reader(KINDS[kind]()), torch.randn(7, 5, 3, dtype=D)
    if model.rnn.batch_first:
        x = x.transpose(0, 1)
    expected, whole = captured(model, x, None)
    found, pieces = captured(model, x, Room(1.0, 1e9))
    assert pieces != whole, "this batch was to be taken in pieces"
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_a_call_with_dropout_between_its_levels_is_left_whole():
    torch.manual_seed(0)
    model, x = Reader(nn.LSTM(3, 6, 2, dropout=0.5, dtype=D)), torch.randn(7, 5, 3, dtype=D)
    state = torch.get_rng_state()
    expected, whole = captured(model, x, None)
    torch.set_rng_state(state)
    found, pieces = captured(model, x, Room(1.0, 1e9))
    assert pieces == whole
    assert all(map(torch.equal, found, expected))
