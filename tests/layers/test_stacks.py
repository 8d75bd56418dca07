"""Every cell, depth, direction, length and reset against textbook loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bptt
from bptt import reference
from bptt.cells.activations import ACTIVATIONS
from bptt.errors import NonFiniteError, OptionError, ShapeError
from bptt.layers.levels import Bidirectional
from bptt.verification import verify
from tests.conftest import golden, golden_names, relative

KINDS = {
    "rnn": (bptt.RNN, 1),
    "lstm": (bptt.LSTM, 4),
    "gru": (bptt.GRU, 3),
    "cho_gru": (bptt.ChoGRU, 3),
}


def layer(rng, kind, I, H, activation="tanh"):
    make, gates = KINDS[kind]
    W_F, W_R, b = (rng.normal(size=s) for s in ((gates * H, I), (gates * H, H), (gates * H,)))
    W_R /= H**0.5
    if kind == "rnn":
        return make(W_F, W_R, b, activation)
    return make(W_F, W_R, b, *([rng.normal(size=H)] if kind == "gru" else []))


def textbook(stack, x, h0, c0, dh, lengths=None, resets=None):
    """G_k of every layer's every parameter: sequence by sequence, each with its own length."""
    T, B, _ = x.shape
    levels = []
    for level in stack.levels:
        parts = level.layers if isinstance(level, Bidirectional) else [level]
        levels.append(
            [
                reference.stacks.Part(
                    a.kind,
                    a.parameters(),
                    reference.PHI[a.phi.name][0] if a.kind == "rnn" else np.tanh,
                )
                for a in parts
            ]
        )
    K = T * len(stack.levels)
    total = [{n: np.zeros((K, *v.shape)) for n, v in a.parameters().items()} for a in stack.layers]
    for n in range(B):
        length = T if lengths is None else int(lengths[n])
        cuts = np.zeros(length, bool) if resets is None else resets[:length, n]
        state0 = [
            np.concatenate([h[n], c[n]]) if a.kind == "lstm" else h[n]
            for a, h, c in zip(stack.layers, h0, c0, strict=True)
        ]
        G = reference.stacks.by_lag(levels, x[:length, n], state0, dh[:length, n], cuts)
        for sums, part in zip(total, G, strict=True):
            for name, terms in part.items():
                sums[name][: len(terms)] += terms
    return total


def agree(stack, rng, T, B, lengths=None, resets=None):
    x, dh = rng.normal(size=(T, B, stack.inputs)), rng.normal(size=(T, B, stack.outputs))
    if lengths is not None:
        dh[np.arange(T)[:, None] >= lengths] = 0
    h0 = [rng.normal(size=(B, a.hidden)) for a in stack.layers]
    c0 = [rng.normal(size=(B, a.hidden)) if a.kind == "lstm" else None for a in stack.layers]
    trace = stack.forward(x, h0, c0, lengths=lengths, resets=resets)
    exact = textbook(stack, x, h0, [c if c is not None else h for h, c in zip(h0, c0, strict=True)],
                     dh, lengths, resets)  # fmt: skip
    grads, profiles = stack.backward(trace, dh), bptt.by_lag(trace, dh, keep_matrices=True)
    scale = max(np.abs(part["W_R"]).max() for part in exact)
    for g, profile, part in zip(grads.layers, profiles, exact, strict=True):
        for name, value in g.parameters().items():
            assert np.abs(value - part[name].sum(0)).max() < 1e-12 * max(scale, 1)
        K = len(profile.matrices)
        assert np.abs(profile.matrices - part["W_R"][:K]).max() <= 1e-12 * scale
        assert not part["W_R"][K:].any()
        assert profile.residual < 1e-11
    return trace, profiles


@given(
    st.lists(st.sampled_from([*KINDS, "both"]), min_size=1, max_size=3),
    st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)),
    st.sampled_from(["none", "lengths", "resets", "lengths and resets"]),
    st.sampled_from(list(ACTIVATIONS)),
    st.integers(0, 2**31),
)
def test_any_stack(kinds, sizes, cuts, activation, seed):
    T, B, I, H = sizes
    rng = np.random.default_rng(seed)
    levels, size = [], I
    for number, kind in enumerate(kinds):
        if kind == "both":
            pair = rng.choice(list(KINDS), 2)
            a, b = (layer(rng, k, size, H + number + i) for i, k in enumerate(pair))
            levels.append(bptt.Bidirectional(a, b))
            size = a.hidden + b.hidden
        else:
            levels.append(layer(rng, kind, size, H + number, activation))
            size = H + number
    lengths = rng.integers(1, T + 1, size=B) if "lengths" in cuts else None
    resets = rng.random((T, B)) < 0.3 if "resets" in cuts else None
    agree(bptt.Stack(levels), rng, T, B, lengths, resets)


@pytest.mark.parametrize("name", [name for kind in KINDS for name in golden_names(kind)])
def test_golden(name):
    case, arrays = golden(name)
    layers = []
    for l in range(case["layers"]):
        w = [arrays[f"layer{l}.{p}"] for p in ("W_F", "W_R", "b")]
        if case["cell"] == "rnn":
            layers.append(bptt.RNN(*w, case["activation"]))
        elif case["cell"] == "gru":
            layers.append(bptt.GRU(*w, arrays[f"layer{l}.b_Rn"]))
        else:
            layers.append(KINDS[case["cell"]][0](*w))
    stack = bptt.Stack(layers)
    trace = stack.forward(arrays["x"], arrays["h0"], arrays.get("c0"))
    assert relative(trace.outputs, arrays["h_top"]) < 1e-14
    profiles = bptt.by_lag(trace, arrays["dh"], keep_matrices=True)
    grads = stack.backward(trace, arrays["dh"])
    for l, (profile, g) in enumerate(zip(profiles, grads.layers, strict=True)):
        exact = arrays["dW_R_by_lag"][l]
        assert relative(profile.matrices, exact) < 1e-12
        assert relative(g.dW_R, exact.sum(0)) < 1e-12
        if len(profiles) == 1:
            c0 = arrays["c0"][0] if "c0" in arrays else None
            forward = bptt.forward_mode(layers[0], arrays["x"], arrays["dh"], arrays["h0"][0], c0)
            assert relative(forward, exact.sum(0)) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_four_ways(kind, rng):
    net = bptt.Network.init(3, 5, 4, cell=kind, rng=rng, dtype="float64")
    result = verify(net, rng.normal(size=(7, 2, 3)), rng.integers(4, size=(7, 2)))
    assert result.agrees
    assert result.tolerance == pytest.approx(1e-12, rel=1)
    assert all(row.forward is not None for row in result.rows if "O" not in row.parameter)


@pytest.mark.parametrize("loss_at", ["every", "last"])
def test_four_ways_of_a_mixed_stack(loss_at, rng):
    net = bptt.Network.init(
        3, 3, 4, cell="lstm", layers=2, bidirectional=True, rng=rng, dtype="float64", loss_at=loss_at
    )  # fmt: skip
    y = rng.integers(4, size=(6, 2) if loss_at == "every" else 2)
    result = verify(net, rng.normal(size=(6, 2, 3)), y, entries=40)
    assert result.agrees
    assert len({row.parameter for row in result.rows}) == 4 * 4 + 2


@pytest.mark.parametrize("kind", KINDS)
def test_padding_is_never_read(kind, rng):
    """Whatever stands behind the end of a sequence: NaN is refused, other numbers change nothing."""
    a = layer(rng, kind, 3, 4)
    x, lengths = rng.normal(size=(6, 3, 3)), np.array([6, 2, 4])
    other = x.copy()
    other[np.arange(6)[:, None] >= lengths] = 1e30
    dh = rng.normal(size=(6, 3, 4))
    dh[np.arange(6)[:, None] >= lengths] = 0
    one, two = (a.forward(v, lengths=lengths) for v in (x, other))
    assert (one.h == two.h).all()
    assert (a.backward(one, dh).dW_R == a.backward(two, dh).dW_R).all()
    with pytest.raises(OptionError, match="dh: expected zeros behind the end"):
        a.backward(one, np.ones((6, 3, 4)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_sequences_one_by_one(kind, rng):
    net = bptt.Network.init(3, 4, 5, cell=kind, loss_at="last", rng=rng, dtype="float64")
    x, y, lengths = rng.normal(size=(8, 3, 3)), np.array([0, 4, 2]), np.array([8, 3, 5])
    whole = net.backward(net.run(x, y, lengths=lengths))
    parts = [net.backward(net.run(x[: lengths[n], [n]], y[[n]])) for n in range(3)]
    for name in net.parameters():
        assert relative(sum(p[name] for p in parts) / 3, whole[name]) < 1e-13


@pytest.mark.parametrize("kind", KINDS)
def test_a_reset_is_a_new_sequence(kind, rng):
    """Two episodes in a stream give the gradient, by lag too, of the two run apart."""
    a = layer(rng, kind, 3, 4)
    x, dh = rng.normal(size=(9, 1, 3)), rng.normal(size=(9, 1, 4))
    resets = np.zeros((9, 1), bool)
    resets[4] = True
    stream = bptt.by_lag(a.forward(x, resets=resets), dh, keep_matrices=True).matrices
    apart = [bptt.by_lag(a.forward(x[p]), dh[p], keep_matrices=True).matrices
             for p in (slice(0, 4), slice(4, 9))]  # fmt: skip
    assert np.abs(stream[:4] - apart[0] - apart[1][:4]).max() < 1e-13
    assert np.abs(stream[4] - apart[1][4]).max() < 1e-13
    assert not stream[5:].any()


def test_lag_in_a_mixed_stack_counts_steps_in_either_direction(rng):
    """T - 1 steps back in the upper layer, T - 1 forward in the lower one: 2T - 1 lags."""
    both = bptt.Network.init(3, 3, 2, layers=2, bidirectional=True, rng=rng, dtype="float64").stack
    T = 6
    trace = both.forward(rng.normal(size=(T, 2, 3)))
    (
        top,
        *_,
    ) = bptt.by_lag(trace, rng.normal(size=(T, 2, 6)))[::-1]
    bottom = bptt.by_lag(trace, rng.normal(size=(T, 2, 6)))[0]
    assert len(top.lags) == T
    assert len(bottom.lags) == 2 * T - 1
    assert bottom.log10_signal_by_step is None
    assert bottom.share.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options", [{"loss_chunk": 1}, {"loss_chunk": 7}, {"loss_chunk": 5, "max_lag": 9}]
)
def test_chunks_of_loss_steps_change_nothing(kind, options, rng):
    stack = bptt.Stack([layer(rng, kind, 3, 4), layer(rng, kind, 4, 5)])
    trace = stack.forward(rng.normal(size=(30, 2, 3)))
    dh = rng.normal(size=(30, 2, 5))
    for whole, part in zip(bptt.by_lag(trace, dh), bptt.by_lag(trace, dh, **options), strict=True):
        K = len(part.lags)
        assert K == options.get("max_lag", 29) + 1
        for name in ("log10_norm", "share", "log10_signal"):
            assert np.allclose(getattr(part, name)[:-1], getattr(whole, name)[: K - 1], atol=1e-9)
        for name in ("gain", "weight_gain", "activation_gain"):
            assert np.allclose(getattr(part, name), getattr(whole, name)[: K - 1], atol=1e-9)
        assert np.allclose(
            part.log10_signal_by_step, whole.log10_signal_by_step[:, :K], atol=1e-5, equal_nan=True
        )
        assert part.residual < 1e-12


@pytest.mark.parametrize("kind", ["lstm", "gru", "cho_gru"])
def test_carry_by_loops(kind, rng):
    """Share and strength of the carry in the first step back, from one Jacobian at a time."""
    a = layer(rng, kind, 3, 4)
    T = 5
    trace = a.forward(rng.normal(size=(T, 1, 3)))
    dh = rng.normal(size=(T, 1, 4))
    profile = bptt.by_lag(trace, dh)
    carried, through, carriers = [], [], []
    for t in range(1, T):
        d = np.append(dh[t, 0], np.zeros(a.state_size - 4))
        back = d @ bptt.dynamics.jacobian(trace, t)[0]
        if kind != "lstm":
            z = trace.saved[t, 0, 4:8]
            carried.append(d * z)
            carriers.append(d)
        else:
            o, f = trace.saved[t, 0, 12:], trace.saved[t, 0, 4:8]
            dc = dh[t, 0] * o * (1 - np.tanh(trace.c[t + 1, 0]) ** 2)
            carried.append(np.append(np.zeros(4), dc * f))
            carriers.append(dc)
        through.append(back - carried[-1])
    c, p, all_c = (np.linalg.norm(v) for v in (carried, through, carriers))
    assert profile.carry_share[0] == pytest.approx(c**2 / (c**2 + p**2), rel=1e-12)
    assert profile.carry_gain[0] == pytest.approx(np.log(c / all_c), abs=1e-12)
    start = np.linalg.norm(dh[1:])
    assert profile.gain[0] == pytest.approx(
        np.log(np.linalg.norm(np.add(carried, through)) / start), abs=1e-12
    )


def test_an_error_of_the_cell_state(rng):
    """dh of width 2H is the error of [h; c]: checked by a complex step through c_T."""
    a = layer(rng, "lstm", 3, 4)
    x, d = rng.normal(size=(6, 1, 3)), np.zeros((6, 1, 8))
    d[-1, 0, 4:] = weights = rng.normal(size=4)
    grads = a.backward(a.forward(x), d)

    def E(W_R):
        part = reference.stacks.Part("lstm", a.parameters() | {"W_R": W_R})
        _, after = reference.stacks.states(part, x[:, 0], np.zeros(8), np.zeros(6, bool))
        return after[-1, 4:] @ weights

    for index in [(0, 0), (5, 2), (15, 3)]:
        exact = reference.complex_step(E, a.W_R, index)
        assert grads.dW_R[index] == pytest.approx(exact, rel=1e-12)
    assert bptt.by_lag(a.forward(x), d).residual < 1e-13


def test_contribution_by_step(rng):
    stack = bptt.Stack([layer(rng, "gru", 3, 4), layer(rng, "lstm", 4, 5)])
    trace = stack.forward(rng.normal(size=(12, 3, 3)))
    dh = rng.normal(size=(12, 3, 5))
    grads = stack.backward(trace, dh)
    for steps, g in zip(bptt.by_step(trace, dh), grads.layers, strict=True):
        assert relative(steps.dW_R, g.dW_R) < 1e-13
        assert steps.share.sum() == pytest.approx(1, abs=1e-12)
    # The step's part is the difference that its h_{t-1} makes: only the last loss, one step back.
    top = trace.traces[-1]
    last = np.zeros_like(dh)
    last[-1] = dh[-1]
    lags = bptt.by_lag(top, last, keep_matrices=True)
    steps = bptt.by_step(top, last)
    assert np.allclose(steps.norm[::-1], lags.norm, rtol=1e-12)
    assert np.allclose(steps.share[::-1], lags.share, atol=1e-13)


def test_files_of_stacks(tmp_path, rng):
    net = bptt.Network.init(3, 4, 5, cell="gru", layers=2, bidirectional=True, rng=0)
    again, _ = bptt.Network.load(net.save(tmp_path / "net.safetensors"))
    assert repr(again) == repr(net)
    for name, value in net.parameters().items():
        assert (again.parameters()[name] == value).all()


@pytest.mark.parametrize(
    ("action", "argument"),
    [
        (lambda: bptt.Stack([]), "levels"),
        (lambda: bptt.Stack([bptt.RNN.init(2, 3), bptt.RNN.init(2, 3)]), r"levels\[1\]"),
        (lambda: bptt.Bidirectional(bptt.RNN.init(2, 3), bptt.RNN.init(3, 3)), "backward_layer"),
        (lambda: bptt.LSTM(np.zeros((6, 2)), np.zeros((6, 2)), np.zeros(6)), "W_F"),
        (lambda: bptt.GRU(np.zeros((6, 2)), np.zeros((6, 2)), np.zeros(6), np.zeros(3)), "b_Rn"),
        (lambda: bptt.GRU.init(2, 3).forward(np.ones((4, 1, 2), "f4"), c0=np.zeros((1, 3))), "c0"),
        (lambda: bptt.LSTM.init(2, 3).forward(np.ones((4, 2, 2), "f4"), lengths=[4, 5]), "lengths"),
        (lambda: bptt.LSTM.init(2, 3).forward(np.ones((4, 2, 2), "f4"), lengths=[4, 0]), "lengths"),
        (lambda: bptt.LSTM.init(2, 3).forward(np.ones((4, 2, 2), "f4"), lengths=[4]), "lengths"),
        (lambda: bptt.LSTM.init(2, 3).forward(np.ones((4, 2, 2), "f4"), lengths=[4.0, 2]), "lengths"),
        (lambda: bptt.LSTM.init(2, 3).forward(np.ones((4, 2, 2), "f4"), resets=np.ones((4, 2))), "resets"),
        (lambda: bptt.LSTM.init(2, 3).forward(np.ones((4, 2, 2), "f4"), resets=np.ones(4, bool)), "resets"),
        (lambda: bptt.Network.init(2, 3, 4, cell="qrnn"), "cell"),
        (lambda: bptt.Network.init(2, 3, 4, layers=0), "layers"),
    ],
)  # fmt: skip
def test_refused(action, argument):
    with pytest.raises(
        (OptionError, ShapeError, bptt.errors.DTypeError), match=f"^{argument}: expected"
    ):
        action()


def test_signals_that_vanish_in_a_mixed_stack(rng):
    """A loss at step 0 leaves the lower layers' past at zero: the scaled backward pass takes over."""
    a, b, c, d = (layer(rng, "rnn", i, 3) for i in (3, 3, 3, 6))
    stack = bptt.Stack([a, bptt.Bidirectional(b, c), d])
    trace = stack.forward(rng.normal(size=(6, 2, 3)))
    for steps, options in [([0], {}), ([0, 5], {"max_lag": 6}), ([1], {"max_lag": 1})]:
        dh = np.zeros((6, 2, 3))
        dh[steps] = rng.normal(size=(len(steps), 2, 3))
        for profile in bptt.by_lag(trace, dh, **options):
            assert profile.residual < 1e-12


def test_a_reset_behind_the_end_is_not_read(rng):
    pair = bptt.Bidirectional(layer(rng, "gru", 3, 4), layer(rng, "lstm", 3, 4))
    stack = bptt.Stack([pair])
    x, h0 = rng.normal(size=(6, 1, 3)), [rng.normal(size=(1, 4)) for _ in range(2)]
    resets = np.zeros((6, 1), bool)
    resets[3] = True
    with_reset = stack.forward(x, h0, lengths=[3], resets=resets).outputs
    assert (with_reset[:3] == stack.forward(x[:3], h0).outputs).all()


def test_what_runs_on_behind_the_end_stays_there(rng):
    """An activation that grows: its states behind the end would overflow, and are never seen."""
    elu = (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
           lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))))  # fmt: skip
    a = bptt.RNN(rng.normal(size=(4, 3)), 3 * np.eye(4), np.zeros(4), elu)
    x = rng.normal(size=(3000, 2, 3))
    dh = np.zeros((3000, 2, 4))
    dh[19] = 1
    padded = a.forward(x, lengths=[20, 20])
    cut = a.forward(x[:20])
    assert relative(a.backward(padded, dh).dW_R, a.backward(cut, dh[:20]).dW_R) < 1e-13
    assert bptt.by_lag(padded, dh).residual < 1e-12


@pytest.mark.parametrize("scale", [1e-24, 1e-12, 1e12, 1e22])
def test_contribution_by_step_of_any_size(scale, rng):
    a = bptt.RNN.init(3, 4, rng=0)
    trace = a.forward(rng.normal(size=(10, 2, 3)).astype("f4"))
    dh = rng.normal(size=(10, 2, 4)).astype("f4")
    one, other = bptt.by_step(trace, dh), bptt.by_step(trace, dh * np.float32(scale))
    assert np.allclose(other.norm, one.norm * scale, rtol=1e-5)
    assert np.allclose(other.share, one.share, atol=1e-6)


def test_chunks_and_what_is_left_out(rng):
    """With chunks and a largest lag the rest is that of all chunks together."""
    stack = bptt.Stack([layer(rng, "gru", 3, 4), layer(rng, "lstm", 4, 5)])
    trace = stack.forward(rng.normal(size=(25, 2, 3)))
    dh = rng.normal(size=(25, 2, 5))
    for whole, part in zip(bptt.by_lag(trace, dh, max_lag=4),
                           bptt.by_lag(trace, dh, max_lag=4, loss_chunk=6), strict=True):  # fmt: skip
        assert part.rest == pytest.approx(whole.rest, rel=1e-9)
        assert part.residual < 1e-13


@pytest.mark.parametrize("kept", [2.0, 0.0])
def test_a_mask_that_drives_states_beyond_the_type(kept):
    """States of 1e200 times a mask of 1e200: refused with the mask's name and the step, and without a warning."""
    levels = [bptt.RNN(np.eye(2), np.eye(2) * 0, np.zeros(2), "identity") for _ in range(2)]
    x, mask = np.ones((5, 1, 2)), np.ones((5, 1, 2))
    x[3], mask[3] = 1e200, [1e200, kept]
    stack = bptt.Stack(levels)
    with pytest.raises(NonFiniteError, match=r"^masks\[1\]: .* an overflow at step 3 of 5"):
        stack.forward(x, masks=[None, mask])
    trace = stack.forward(np.zeros_like(x), masks=[None, mask])
    with pytest.raises(NonFiniteError, match="dh"):
        stack.backward(trace, x)
