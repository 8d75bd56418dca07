"""What the page says between its charts."""

from html import escape

from bptt.derivation import Derivation


def plain(*sentences: str) -> str:
    """A paragraph each, as HTML; what a file's names hold is shown and never run."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def aligned(derivation: Derivation) -> str:
    """The equations for a page: each ``align*`` in a display of its own."""
    text = derivation.latex()
    return text.replace(r"\begin{align*}", "$$\n\\begin{align*}").replace(
        r"\end{align*}", "\\end{align*}\n$$\n"
    )


NETWORK = r"""
# How far back does the gradient reach?

A recurrent network reads a sequence one step at a time and keeps a state $h_t$. To learn, it must find out
how each weight changed the error, also by way of states that lie long back. This page shows how much of that
is left after $k$ steps, why, and what changes it. Every number on it is computed while you read; the sliders
are on the left.

## The network

At step $t$ it takes the input $x_t$ and its own state of the step before:

$$z_t = W_F x_t + W_R h_{t-1} + b, \qquad h_t = \varphi(z_t), \qquad o_t = W_O h_t + b_O .$$

$W_F$ brings the input in, $W_R$ brings the past in, $W_O$ reads the answer out. $\varphi$ is the activation,
$\tanh$ unless you choose another. An error $E$ compares the answer with the target.

## Why $W_R$ is different

$W_O$ acts after everything else: its derivative needs the present step only. $W_F$ acts on an input that no weight
has touched; what it did long ago reaches the error because $W_R$ carries the state on. $W_R$ acts on $h_{t-1}$, and
$h_{t-1}$ was itself made with $W_R$, from $h_{t-2}$, which was made with $W_R$ again. Its derivative contains itself,
one step earlier, and every way back leads through it.
"""

EQUATIONS = r"""
## The equations

(1) is the network. (2) is the product rule: $W_R$ stands in $z_t$, and it hides in $h_{t-1}$. (3) is the chain
rule through the activation. (4) puts (3) into (2). Do that $n$ times and you have the *unrolled* expression: a
sum over how long ago each part comes from. The term of lag $k$ carries $k$ factors $W_R$ and $k$ derivatives
$\varphi'$. With several units, $W_R$ is a matrix, $\Phi'$ is diagonal, and their order matters.
"""

SCALAR = r"""
## Every factor is a number

Here is the sum for one unit that has read twenty numbers. Under each factor stands its value; move the sliders and
watch which factor makes a term small. With $|W_R \varphi'| < 1$ the terms of large lag vanish, with
$|W_R \varphi'| > 1$ they explode. $\tanh$ can only shrink them; *scaled_tanh*, $1.7159 \tanh(\tfrac23 z)$, has slope
1.14 at zero.
"""

MATRIX = r"""
## A whole network, on a whole sequence

Now the same with many units. $G_k$ is the part of $\partial E/\partial W_R$ with lag $k$: the error is made at
step $t$, the weight acts $k$ steps earlier. All $G_k$ together are the gradient, to the last digit. A straight line
down on this log scale is vanishing at a constant rate, a line up is exploding. Beside it stands what powers of
$W_R$ would do alone, and what the slopes $\varphi'$ would do alone. The **horizon** is the lag up to which 95 % of
the gradient lies; **needed** is what the task asks for, half the sequence if it does not say.
"""

FACTORS = r"""
### The product, factor by factor

Each column is one step back. Blue shrinks the error, orange lets it grow. The last row multiplies all factors up
to there.
"""

SEQUENCE = r"""
### Where that is in the sequence

How much each step of the sequence moves $W_R$. What lies left of the horizon is hardly learnt from.
"""

ACTIVATION = r"""
### First culprit: the slope of the activation

The bars are the network's own $z$. Where they meet a small $\varphi'$, every step back shrinks the error. The slope of
$\tanh$ is at most 1, and 1 only at $z = 0$: strong inputs push units away from there.
"""

WEIGHTS = r"""
### Second culprit: the powers of $W_R$

In the long run $W_R^k$ grows or shrinks by its largest eigenvalue per step; in one step by at most its largest singular
value $\sigma_{\max}$. With $\gamma = \max \varphi'$, $\sigma_{\max} < 1/\gamma$ is *sufficient* for vanishing,
$\sigma_{\max} > 1/\gamma$ only *necessary* for exploding (Pascanu, Mikolov & Bengio 2013).
"""

EXPONENTS = r"""
### Both together: Lyapunov exponents

How fast two nearby states part (above 0) or come together (below 0) on these inputs, $\ln$ per step. Errors carried
far back shrink or grow at the rate of the largest. Zero is the edge: there the gradient lasts.
"""

TRUNCATION = r"""
### What truncating forgets

If backpropagation stops after $K$ steps, lags from $K$ on are missing: the gradient is off by this much. Cutting the
sequence into chunks of $K$ weakens the short lags too. The dotted line is 5 %.
"""

PICTURES = (
    (MATRIX, "by_lag"),
    (FACTORS, "factors"),
    (SEQUENCE, "sequence"),
    (ACTIVATION, "activation"),
    (WEIGHTS, "plane"),
    (EXPONENTS, "exponents"),
    (TRUNCATION, "truncation"),
)

CLIFF = r"""
## Exploding, seen from the weights

One unit, $x_{t+1} = w\,\sigma(x_t) + b$ with $x_0 = \tfrac12$ and $b = -2.35$, is run for 50 steps; its error is
$E_{50} = (\sigma(x_{50}) - 0.7)^2$ (Pascanu, Mikolov & Bengio 2013, figure 6). Where the gradient explodes, the error has
a cliff. Gradient descent comes to it, meets a slope of more than a hundred, and is thrown out of the picture. *Clipping* keeps
the direction and limits the length of the step: it stays at the foot of the wall. Clipping does nothing for a gradient
that vanishes.
"""

OWN = r"""
## Your own model, your own task

Choose what the network reads: noise, a task whose answer lies a known number of steps back, or real sequences. Or drop
the weights of your RNN, GRU or LSTM, as `safetensors.torch.save_file(model.state_dict(), "model.safetensors")` or
`bptt train` write them: then every picture above is of your model, and the sliders of the weights rest. The file stays on
this machine; it is read as numbers, never as code.
"""

EXERCISES = r"""
## Try yourself

Each answer is measured, under the setting of the sliders at that moment.
"""
