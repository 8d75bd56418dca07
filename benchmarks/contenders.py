"""The same job in this library, PyTorch and JAX, each as someone who knows it would write it.

Each function prepares a case and returns the job: a call that leaves (dW_F, dW_R, db, dx) of a gradient, or
every G_k (T, H, H) of a decomposition, as arrays.
"""

from benchmarks.cases import inputs


def bptt(case):
    """This library; BPTT_KERNELS says with which loops."""
    import bptt as package

    a = inputs(case)
    more = (a["b_Rn"],) if case.cell == "GRU" else ()
    layer = getattr(package, case.cell)(a["W_F"], a["W_R"], a["b"], *more)
    if case.job == "by_lag":
        trace = layer.forward(a["x"])

        def decompose(keep=False):
            profile = package.by_lag(trace, a["dh"], keep_matrices=keep)
            return profile.matrices if keep else profile.norm

        return decompose

    def gradient():
        grads = layer.backward(layer.forward(a["x"]), a["dh"])
        return grads.dW_F, grads.dW_R, grads.db, grads.dx

    return gradient


def torch(case):
    """PyTorch: nn.RNN, nn.GRU, nn.LSTM; by lag one backward pass per loss step to the pre-activations."""
    import torch as package

    a = {name: package.tensor(value) for name, value in inputs(case).items()}
    if case.job == "by_lag":
        return _torch_by_lag(package, case, a)
    _, _, I, H = case.shape
    layer = getattr(package.nn, case.cell)(I, H)
    with package.no_grad():
        layer.weight_ih_l0.copy_(a["W_F"])
        layer.weight_hh_l0.copy_(a["W_R"])
        layer.bias_ih_l0.copy_(a["b"])
        layer.bias_hh_l0.zero_()
        if case.cell == "GRU":
            layer.bias_hh_l0[2 * H :] = a["b_Rn"]
    x, dh = a["x"].requires_grad_(), a["dh"]

    def gradient():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x)[0].backward(dh)
        leaves = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, x
        return tuple(value.grad.numpy() for value in leaves)

    return gradient


def _torch_by_lag(package, case, a):
    T, B, _, H = case.shape
    drive = a["x"] @ a["W_F"].T + a["b"]
    h, z = [package.zeros(B, H)], []
    for t in range(T):
        z.append((drive[t] + h[-1] @ a["W_R"].T).requires_grad_())
        h.append(package.tanh(z[-1]))
    before = package.stack(h[:-1]).detach()

    def decompose(keep=True):
        G = package.zeros(T, H, H)
        for t in range(T):
            E = (a["dh"][t] * h[t + 1]).sum()
            dz = package.autograd.grad(E, z[: t + 1], retain_graph=True)
            # dz[s] has lag t - s
            G[: t + 1] += package.bmm(package.stack(dz).transpose(1, 2), before[: t + 1]).flip(0)
        return G.numpy()

    return decompose


def jax(case):
    """JAX: lax.scan under jit, W_F x in one product before it; by lag a vmapped vector-Jacobian product."""
    import jax as package
    import jax.numpy as jnp

    a = inputs(case)
    zeros = jnp.zeros(a["dh"].shape[1:], "float32")

    def states(W_F, W_R, b, x):
        drive = x @ W_F.T + b

        def step(state, drive_t):
            return _jax_step(case.cell, jnp, package.nn.sigmoid, state, drive_t, W_R, a["b_Rn"])

        return package.lax.scan(step, (zeros, zeros), drive)[1]

    if case.job == "by_lag":
        return _jax_by_lag(package, jnp, case, a)

    def error(*arguments):
        return (states(*arguments) * a["dh"]).sum()

    compiled = package.jit(package.value_and_grad(error, argnums=(0, 1, 2, 3)))
    arguments = [jnp.asarray(a[name]) for name in ("W_F", "W_R", "b", "x")]
    return lambda: package.block_until_ready(compiled(*arguments))[1]


def _jax_step(cell, jnp, sigmoid, state, drive, W_R, b_Rn):
    h, c = state
    at_weights = h @ W_R.T
    if cell == "RNN":
        h = jnp.tanh(drive + at_weights)
    elif cell == "GRU":
        r_x, z_x, n_x = jnp.split(drive, 3, -1)
        r_h, z_h, n_h = jnp.split(at_weights, 3, -1)
        n = jnp.tanh(n_x + sigmoid(r_x + r_h) * (n_h + b_Rn))
        z = sigmoid(z_x + z_h)
        h = n + z * (h - n)
    else:
        i, f, g, o = jnp.split(drive + at_weights, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        h = sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def _jax_by_lag(package, jnp, case, a):
    T, B, _, H = case.shape

    def states(shift, W_F, W_R, b, x):
        def step(h, drive_t):
            h_t = jnp.tanh(drive_t + h @ W_R.T)
            return h_t, h_t

        return package.lax.scan(step, jnp.zeros((B, H), "float32"), x @ W_F.T + b + shift)[1]

    def matrices(dh, *arguments):
        h, back = package.vjp(
            lambda shift: states(shift, *arguments), jnp.zeros((T, B, H), "float32")
        )
        before = jnp.concatenate([jnp.zeros((1, B, H), "float32"), h[:-1]])
        one_loss = jnp.eye(T, dtype="float32")[:, :, None, None] * dh  # (loss step, T, B, H)
        dz = package.vmap(lambda error: back(error)[0])(one_loss)
        # dz[t, s] has lag t - s: by loss step and lag, then one product per lag.
        t, k = jnp.arange(T)[:, None], jnp.arange(T)[None]
        s = jnp.clip(t - k, 0)
        dz = jnp.where((t >= k)[..., None, None], dz[t, s], 0)
        return jnp.einsum("tkbg,tkbh->kgh", dz, before[s])

    compiled = package.jit(matrices)
    arguments = [jnp.asarray(a[name]) for name in ("dh", "W_F", "W_R", "b", "x")]
    return lambda keep=True: package.block_until_ready(compiled(*arguments))


def prepare(name, case):
    """The job of one contender."""
    return {"bptt": bptt, "numpy": bptt, "torch": torch, "jax": jax}[name](case)
