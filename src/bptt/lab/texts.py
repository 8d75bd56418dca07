"""What the page says between its charts."""

import re
from html import escape
from typing import Any

from marimo import Html, as_html

from bptt.derivation import Derivation


def paragraphs(*sentences: str) -> str:
    """A paragraph each, as HTML; what a file's names hold is shown and never run."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def announced(sentence: str) -> str:
    """A sentence as HTML that a screen reader says as soon as it stands there."""
    return f'<p role="alert">{escape(sentence)}</p>'


def classed(name: str, shown: Any) -> Html:
    """What is shown, as something that the page's style knows by a name."""
    return Html(f'<div class="{name}">{as_html(shown).text}</div>')


def aligned(derivation: Derivation) -> str:
    """The equations for a page, their numbers before them: behind them they would stand outside a narrow window."""
    blocks = re.findall(
        r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", derivation.latex(), re.DOTALL
    )
    lines = " \\\\[.8em]\n".join(map(_numbered, blocks))
    return rf"$$\small \begin{{alignedat}}{{2}} {lines} \end{{alignedat}}$$"


def _numbered(block: str) -> str:
    lines = []
    for line in block.split("\n"):
        number = re.search(r" ?\\tag\{(\d)\}", line)
        before = rf"\text{{({number[1]})}}\;" if number else ""
        lines.append(f"{before} & & {line.replace(number[0], '') if number else line}")
    return "\n".join(lines)


NETWORK = r"""
# How far back does the gradient reach?

A recurrent network reads a sequence one step at a time and keeps a state $h_t$: one number for each of its
units. To learn, it must find out how each weight changes the error, also by way of states far back in the
sequence. That is the [[gradient]], the derivative of the error with respect to the weights. This page shows how much of it is left
after $k$ steps back, why, and what changes it. Every number on it is computed while you read.

Each control stands where its symbol is explained. A word with dots below it is explained when the pointer is on it, or when you
reach it with the Tab key. Eight exercises stand below the charts that answer them: *Set the sliders* moves the sliders to where
the exercise begins, and Enter checks your answer. After a wrong answer there is a hint, after three the solution.

## The network

At step $t$ the network takes the input $x_t$ and its own state $h_{t-1}$ of the step before, one number for each of its units:

$$
\begin{aligned} z_t &= W_F x_t + W_R h_{t-1} + b, \\ h_t &= \varphi(z_t), \\ o_t &= W_O h_t + b_O . \end{aligned}
$$

$W_F$ brings the input in, $W_R$ brings the past in, $W_O$ reads the answer $o_t$ out; $b$ and $b_O$, the biases, are
numbers that are added. $z_t$ is what each unit receives. $\varphi$ is the [[activation]], $\tanh$ unless you choose another, and
$\varphi'$ its [[slope]], that is its derivative. The error $E_t$, also called the [[loss]] of step $t$, compares the answer with the
target. It may be taken at the last step alone or at every step; $E$ is the sum of all that are taken.

## The question

How does $E$ change with $W_R$? Take one error, made at step $t$. It depends on $W_R$ by way of $z_t$ alone, so by the chain rule

$$
\frac{\partial E}{\partial W_R} = \frac{\partial E}{\partial z_t} \cdot \frac{\partial z_t}{\partial W_R} ,
$$

and with errors at several steps the gradient is the sum over them:

$$
\frac{\partial E}{\partial W_R} = \sum_t \frac{\partial E_t}{\partial z_t} \cdot \frac{\partial z_t}{\partial W_R} .
$$

The first factor belongs to step $t$ alone: it comes from the readout $W_O$. All of the past is in the second.

## Why $W_R$ is different

$W_O$ acts after everything else: the derivative by $W_O$ needs the present step only. $W_F$ acts on an input that no weight
has touched; what it did long ago reaches the error because $W_R$ carries the state on. $W_R$ acts on $h_{t-1}$, and
$h_{t-1}$ was itself made with $W_R$, from $h_{t-2}$, which was made with $W_R$ again. The derivative by $W_R$ therefore
contains itself, one step earlier, and every way back leads through $W_R$.
"""

EQUATIONS = r"""
## The equations

(1) and (2) are the network, (3) is the error, (4) the question above. (5) is the product rule: $W_R$ stands in $z_t$, and it hides in
$h_{t-1}$. (6) is the chain rule through the activation. (7) puts (6) into (5). Go $n$ steps back in this way and you have
the *unrolled* expression (8): a sum with one term for each number of steps back. This number is called the
**lag** $k$. The term of lag $k$ carries $k$ factors $W_R$ and $k$ slopes $\varphi'$; the last term holds the rest, what lies
further back. Put (8) into (4), and the gradient is a sum over lags, $\partial E/\partial W_R = G_0 + G_1 + G_2 + \dots$; (9) is
one of its parts.

**With many units** $z_t$ and $h_t$ are columns of numbers and $W_R$ is a matrix. $\delta$ marks a change: change $W_R$ by a small
matrix $\delta W_R$, and $\delta z_t$, $\delta h_t$ and $\delta E$ are the changes that it causes. $\partial E_t/\partial z_t$ is a
row of derivatives, one for each unit. $\Phi'_t$ is a diagonal matrix of the slopes of all units. The order of the factors now matters.
In each term of (8) $\delta W_R$ stands once, with a row before it and a state behind it; their products, entry by entry,
are the derivative. (9) writes them as a matrix; $\top$ exchanges rows and columns.
"""

SCALAR = r"""
## Every factor is a number

Here is (8) for one unit that has read twenty numbers. Under each factor stands its value; move the sliders and
watch which factor makes a term small. Where $|W_R \varphi'|$ stays below a bound that is less than 1, the terms of large lag
**vanish**; where it stays above a bound that is more than 1, they **explode**. The slope of $\tanh$ is at most 1: it can never
make a term larger. *scaled_tanh*, $1.7159 \tanh(\tfrac23 z)$, has slope 1.14 at zero.

The first terms may grow with the lag all the same, because each also holds a state. With these inputs and the weights that are set
at first, $h_{t-1} = -0.30$ happens to be small, and $h_{t-2} = -0.80$ is not.
"""

MATRIX = r"""
## A whole network, on a whole sequence

Now the same with many units. The network reads noise, that is, random numbers. The [[gain]] multiplies the random $W_R$ that
the network begins with, $T$ is the number of steps that are read, and the [[loss]] is taken at the last step or at every step.

The chart shows the size $\lVert G_k \rVert$ of each part of the gradient, (9), divided by that of lag 0; the size of a matrix is the root
of the sum of the squares of its entries. On this log scale a straight line down is vanishing at a constant rate, a line up is exploding. The other curves are
products so far: what all factors $W_R$ up to lag $k$ have made of the error, and what all slopes $\varphi'$ have. On this scale the two add up. The first
button shows both of them shrinking it, the others a $W_R$ that lets it grow.
The **horizon** is the smallest lag such that it and all smaller ones hold 95 % of $\sum_k \lVert G_k \rVert$. The **needed
lag** is the one that the task asks for, or half the sequence if the task does not say. The last lag of an error at step $t$
would be $t - 1$. Its $G_k$ is 0, and no point is drawn: it holds the state before the first step, and $h_0 = 0$.
"""

FACTORS = r"""
### The product, factor by factor

The [[error signal]] at lag $k$ is the error as it arrives $k$ steps back: the derivative of $E$ by $z$ there, or, in
a cell with gates, by its state. Each column is one step back. Blue shrinks the signal, orange lets it grow. *Product so far* is the
signal divided by its size at lag 0.

A *gru* or *lstm*, further below, is a cell with gates: numbers between 0 and 1 that say how much of its old state it
keeps. For such a cell *carry* is the gate by which the old state goes on without meeting $W_R$, and
*slopes* are those of all its gates. The error then goes back in several ways side by side, whose parts add up: *together* is not the product
of the rows above it.
"""

SEQUENCE = r"""
### Where that is in the sequence

The bars show how much each step of the sequence moves $W_R$, as a share of what all steps do. The [[horizon]] and the [[needed lag]] are
counted back from the last loss. With a loss at the last step only, what lies left of the horizon hardly moves $W_R$.
"""

ACTIVATION = r"""
### First culprit: the slope of the activation

The bars are the network's own $z$. Where they meet a small $\varphi'$, a step back shrinks the error. A unit is
**saturated** where its slope is below a tenth of the steepest. The slope of $\tanh$ is 1 only at $z = 0$: strong inputs
push units away from there. The [[input strength]] is the mean square of what $W_F x_t$ adds to each $z$. *Cause: saturation* on the card means that small slopes take most of the signal. For a gated
cell the picture shows its candidate, the new state that it proposes, and the candidate's own $\tanh$.
"""

WEIGHTS = r"""
### Second culprit: the powers of $W_R$

The *singular values* $\sigma$ of $W_R$ say how much it stretches vectors: one step stretches none by more than the
largest, $\sigma_{\max}$. Its *eigenvalues*, complex numbers, say what many steps do: in the long run $W_R^k$ grows or
shrinks at each step by the size of the largest eigenvalue, that is its distance from 0. On the orange circle the size is 1. With
$\gamma = \max |\varphi'|$, $\sigma_{\max} < 1/\gamma$ is *sufficient* for vanishing, $\sigma_{\max} > 1/\gamma$ only
*necessary* for exploding (Pascanu, Mikolov & Bengio 2013). *Cause: weights* on the card means that $W_R$
takes most of the signal, or lets it grow. For a gated cell the picture shows the candidate's part of $W_R$.
"""

EXPONENTS = r"""
### Both together: Lyapunov exponents

A *Lyapunov exponent* says how fast two nearby states part (above 0) or come together (below 0) on these inputs. It is the natural
logarithm of the factor per step: $\lambda = -0.1$ is a factor of $e^{-0.1} \approx 0.9$. There is an exponent for each direction; the
largest is $\lambda_1$, and up to eight are shown, with their standard errors. Errors carried far back shrink or grow at
the rate of $\lambda_1$. Zero is the edge: there they neither vanish nor explode. Fewer than 20 steps are too few to
measure an exponent.
"""

TRUNCATION = r"""
### What truncating forgets

If backpropagation stops after $K$ steps, lags from $K$ on are missing. The *relative bias* is the size of what is missing
divided by the size of the whole gradient. A *sliding window* takes every loss $K - 1$ steps back, so that lags 0 to $K - 1$ are there. Cutting the sequence into *chunks* of
$K$ steps loses short lags too, wherever they reach back over the beginning of a chunk. The dotted line is at 5 %.
"""

HELP = r"""
## What helps

- **A slope above one.** *scaled_tanh* can enlarge the error where the units are near 0. The safety of a slope of at most 1 is lost: where $W_R$ does
  not shrink the error, the error explodes.
- **The identity with relu.** With $W_R$ the identity and slopes of 1, the error goes on as it is wherever a unit is above 0. Nothing
  holds the states back either: they can grow with the length of the sequence, and learning rates must be small.
- **Clipping** helps against exploding alone: see the next section. **Truncating** saves time, and forgets what is far back.
- **A way past $W_R$.** A *gru* or *lstm* is a cell with gates. The [[carry]] is the gate by which the old state goes on without
  meeting $W_R$ or the slope of an activation: an LSTM's forget gate $f$ or a GRU's update gate. After $k$ steps about $f^k$ is left.

With the random weights that the cell begins with, $f$ is near $\tfrac12$, and the reach is no better than before. A bias $b_f$ opens the gate: where the inputs add
nothing, $f = 1/(1 + e^{-b_f})$, the logistic function of the bias. With $b_f = \ln (k - 1)$ this is $f = 1 - 1/k$, and $f^k$, the part
that is left at lag $k$, is about $1/e$, which is 37 %. A plain *rnn* has no gate: there the bias is added to every $z$ and only moves the units
along $\varphi$.
"""

# Each with the names of the controls whose symbols it has explained.
PICTURES = (
    (MATRIX, ("gain", "length", "loss_at"), "by_lag"),
    (FACTORS, (), "factors"),
    (SEQUENCE, (), "sequence"),
    (ACTIVATION, ("variance", "activation"), "activation"),
    (WEIGHTS, ("init", "hidden"), "plane"),
    (EXPONENTS, (), "exponents"),
    (TRUNCATION, (), "truncation"),
    (HELP, ("cell", "bias"), "helped"),
)

CLIFF = r"""
## Exploding, seen from the weights

One unit without inputs, $z_{t+1} = W_R\,\varphi(z_t) + b$ with $z_0 = \tfrac12$ and $b = -2.35$, is run for 50 steps. Its activation is
the logistic function, $\varphi(z) = 1/(1 + e^{-z})$. Its error is $E_{50} = (\varphi(z_{50}) - 0.7)^2$ (Pascanu, Mikolov & Bengio
2013, figure 6, where $z$ is called $x$ and $W_R$ is $w$). Where the gradient explodes, the error has
a cliff. Gradient descent moves $W_R$ downhill, by the learning rate times the slope of the error. From the first $W_R$ that is set here it
reaches the cliff, meets a very steep slope, and is thrown out of the picture. *Clipping* keeps the direction of the gradient
and limits its size: the steps stay small, and the path stays at the foot of the wall. Clipping does nothing for a gradient that vanishes.
"""

LEARNING = r"""
## Now it learns

A network of 32 units learns to add two numbers that are marked in a long sequence: the *adding* task. Choose a length
and one change. *Train both* trains the plain *rnn* (*tanh*, gain 0.8) and the changed one, 600 weight updates each, which takes some
seconds. The first chart shows the loss. The second shows the gradient by lag, measured again every twenty updates: watch whether it reaches
the [[needed lag]] before the loss begins to fall. At length 10 both learn; in so few updates, at 40 only a network with a way past $W_R$ does.
"""

SO = r"""
## So what do I do?

1. **Measure first.** Look at the gradient by lag of your own model, on your own data: that is the next section, or
   `bptt diagnose` on the command line.
2. **It vanishes before the needed lag?** Use an *lstm* or *gru* and set the bias of its carry to $\ln(k - 1)$ for the needed lag
   $k$. With a plain *rnn*: gain and input strength such that $\lambda_1$ is near 0, or the identity with *relu*.
3. **It explodes?** Clip the gradient. If it explodes over a few steps, lower the gain.
4. **It reaches, and still does not learn?** Then what arrives may not agree from sequence to sequence, or the network
   cannot make the answer out of it: *Will it learn?* below says which.
5. **You must truncate?** Take a $K$ whose bias you can bear, and a sliding window rather than chunks.
"""

OWN = r"""
## Your own model, your own task

Choose what the network reads: noise, a task whose answer lies a known number of steps back, or real sequences. Or drop
sequences of your own: a .npz file of arrays x and y, or a .csv file with a row for every step and the columns *sequence* and
*label*. If your columns or arrays have other names, write these into the fields below. Clear the file, and the chosen data are back.
Long sequences and *permutation*, *digits* or *acsf1* can take some seconds.
"""

MODEL = r"""
Drop the weights of your RNN, GRU or LSTM, as `safetensors.torch.save_file(model.state_dict(), "model.safetensors")` or
`bptt train` write them: then every picture from "A whole network" to "What truncating forgets" shows your model, and the
sliders of the weights cannot be moved, as a note beside them says. To come back to the sliders, clear the file. The file stays on the machine that
runs this page; it is read as numbers, never as code.
"""

AHEAD = r"""
## Will it learn?

How far the gradient reaches says from how far back a network can learn at this moment. Whether it does learn shows only during
training. Choose how many weight updates the training would have, and press the button: a copy of the sliders' network is
trained for a tenth of them, on the task that is chosen above, and measured at the start, half-way and at the end, on sequences
that it never learns from. That takes some seconds; with 128 units, long sequences or *digits*, up to a minute.

Three things must come together. **Reach**: the error signal arrives at the needed lag. **Agreement**: what it says there is
the same on other sequences, and not noise that cancels. **Form**: the network can make what the task asks for out of what
lies so far back. If one of them is missing, the page names it.
"""

SWEEP = r"""
## Many networks at once

One network is an anecdote. A sweep measures thousands, on all processors of the machine: `bptt sweep` on the command
line keeps them in one file, a row each. Drop that file here and see the map: where the gradient vanishes, where it explodes,
and the line between them.
"""
