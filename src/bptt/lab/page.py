# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The lecture as a page: read it from top to bottom, and move what can be moved."""

import marimo

app = marimo.App(
    width="medium", app_title="How far back does the gradient reach?", css_file="page.css"
)


@app.cell
def _():
    import marimo as mo

    from bptt import set_num_threads
    from bptt.configuration import Configuration
    from bptt.derivation import Derivation
    from bptt.lab import (
        ahead,
        asking,
        cliff,
        controls,
        learning,
        maps,
        opening,
        pictures,
        scalar,
        scenes,
        sections,
        showing,
        texts,
        words,
    )  # fmt: skip
    from bptt.lab.card import Card, Refusal
    from bptt.lab.exercises.of_one_unit import inputs as read
    from bptt.lab.live import Live
    from bptt.lab.measured import report_of

    # What is measured here is small: one thread is as fast as several, and waits for nobody.
    set_num_threads(1)
    return (
        Card, Derivation, Live, Refusal, Configuration, ahead, asking, cliff, controls, learning, maps, mo, opening, pictures,
        read, report_of, scalar, scenes, sections, showing, texts, words,
    )  # fmt: skip


@app.cell
def _(mo, opening):
    begins = opening.opening(mo.query_params().to_dict())
    one_unit, set_one_unit = mo.state(begins.one_unit)
    started, set_started = mo.state(0)
    return begins, one_unit, set_one_unit, set_started, started


@app.cell
def _(begins, controls, mo, opening, texts, words):
    everything = controls.of_the_page()
    _wrong = [mo.callout(mo.Html(texts.announced(said)), "warn") for said in begins.problems]
    mo.vstack(
        [
            opening.Arrival(section=begins.section),
            *_wrong,
            mo.md(words.explained(texts.NETWORK)),
            texts.classed("at-the-side", everything),
        ]
    )
    return (everything,)


@app.cell
def _(ahead, controls, maps):
    steps, form = controls.of_equations()
    budget, look = controls.of_look(ahead.BUDGETS, ahead.USUAL)
    swept, colour = controls.of_sweep(maps.COLOURS, maps.MAX_BYTES)
    return budget, colour, form, look, steps, swept


@app.cell
def _(controls, one_unit):
    weight, strength, one_phi, back = controls.of_one_unit(one_unit())
    return back, one_phi, strength, weight


@app.cell
def _(Derivation, form, mo, steps, texts, words):
    mo.vstack(
        [
            mo.md(words.explained(texts.EQUATIONS)),
            mo.hstack([steps, form], justify="start", align="center", gap=2, wrap=True),
            texts.classed("formulas", mo.md(texts.aligned(Derivation(steps.value, form.value)))),
        ]
    )


@app.cell
def _(Live, cliff, controls, pictures, read, scalar):
    inputs = read()
    terms = Live(pictures.terms, scalar.unrolled(1, 0.9, 0, inputs, 4))
    wall = Live(pictures.cliff, pictures.descents())
    start = (cliff.FROM, cliff.LEARNING_RATE, cliff.CLIP)
    wide_w, rate, limit = controls.of_descent(pictures.VIEW, start)
    return inputs, limit, rate, terms, wall, wide_w


@app.cell
def _(back, inputs, mo, one_phi, scalar, strength, terms, texts, weight):
    _sum = scalar.unrolled(strength.value, weight.value, 0, inputs, back.value, one_phi.value)
    terms.show(_sum)
    expression = texts.classed("formulas", mo.md(f"$$\n{_sum.latex()}\n$$"))
    return (expression,)


@app.cell
def _(asked, back, expression, mo, one_phi, strength, terms, texts, weight, words):
    mo.vstack(
        [
            mo.md(words.explained(texts.SCALAR)),
            mo.hstack([weight, strength, one_phi, back], justify="start", gap=1.5, wrap=True),
            expression,
            terms,
            *asked["terms"],
        ]
    )


@app.cell
def _(begins, controls, opening, pictures, showing, Card, Live, Refusal):
    first, _shown = showing.first_of(begins.setting, opening.FIRST)
    card, refusal = Card(), Refusal()
    card.show(_shown, f"the sliders' network on {first.data}")
    live = {picture.key: Live(picture, _shown) for picture in pictures.OF_NETWORK}
    # for what looks only when it is asked: the exercises, the look ahead and the report
    now = {"setting": first, "given": None, "shown": (_shown, first, None, None)}
    file, plain, own_data, reading = controls.of_files()
    return card, file, live, now, own_data, plain, reading, refusal


@app.cell
def _(file, plain, showing):
    own, refused = showing.model_of(file, plain.value)
    return own, refused


@app.cell
def _(now, own, own_data, reading, showing):
    given, unread = showing.sequences_of(own_data, reading.value, own)
    now["given"] = given
    return given, unread


@app.cell
def _(controls, given, now, own, started):
    started()  # an exercise set them
    gain, variance, activation, init, cell, hidden, length, loss_at, data, bias = controls.of_network(
        now["setting"], own is not None, given is not None
    )  # fmt: skip
    moved = {
        "gain": gain, "variance": variance, "activation": activation, "init": init, "cell": cell, "bias": bias,
        "hidden": hidden, "length": length, "loss_at": loss_at,
    }  # fmt: skip
    return activation, bias, cell, data, gain, hidden, init, length, loss_at, moved, variance


@app.cell
def _(controls, file, given, mo, own, texts):
    _why = controls.why_at_rest(file.name() if own else None, given.name if given else None)
    at_rest = [mo.Html(texts.paragraphs(_why))] if _why else []
    return (at_rest,)


@app.cell
def _(at_rest, card, everything, mo, moved):
    mo.sidebar([card, *at_rest, *moved.values()], width="21rem") if everything.value else None


@app.cell
def _(activation, bias, cell, controls, data, gain, hidden, init, length, loss_at, now, variance, Configuration):  # fmt: skip
    setting = Configuration(
        cell=cell.value, activation=controls.activation_of(cell.value, activation.value), init=init.value, gain=gain.value,
        input_variance=variance.value, bias=bias.value, hidden=hidden.value, length=length.value, data=data.value,
        loss_at=loss_at.value if data.value == "noise" else None,
    )  # fmt: skip
    now["setting"] = setting
    return (setting,)


@app.cell
def _(card, file, given, live, now, own, refusal, refused, sections, setting, showing, unread):
    _beside = sections.beside(now["shown"][1], setting)
    _shown, refusal.said = showing.show(
        card, live, setting, own, file, given, refused or unread, _beside
    )
    if _shown is not None:
        now["shown"] = (_shown, setting, file.name(), given)


@app.cell
def _(asked, at_rest, beside, card, live, mo, moved, sections):
    mo.vstack(list(sections.laid_out(live, moved, [card, *at_rest], asked, beside)))


@app.cell
def _(limit, pictures, rate, wall, wide_w):
    wall.show(pictures.descents(wide_w.value, rate.value, limit.value))


@app.cell
def _(limit, mo, rate, texts, wall, wide_w, words):
    mo.vstack(
        [
            mo.md(words.explained(texts.CLIFF)),
            mo.hstack([wide_w, rate, limit], justify="start", gap=1.5, wrap=True),
            wall,
        ]
    )


@app.cell
def _(Configuration, asking, now, scenes, set_one_unit, set_started):
    def _begin(setting):
        if isinstance(setting, Configuration):
            now["setting"] = setting
            set_started(lambda times: times + 1)
        else:
            set_one_unit(setting)

    asked = asking.asked(_begin)
    beside = {
        "by_lag": scenes.Scenes(scenes.CULPRITS, _begin),
        "helped": scenes.Scenes(scenes.CURES, _begin),
    }
    return asked, beside


@app.cell
def _(Live, controls, learning, pictures):
    _first = learning.untrained()
    loss, reach = Live(pictures.loss, _first), Live(pictures.reach, _first)
    taught, change, train = controls.of_learning(
        learning.LENGTHS, learning.USUAL, tuple(learning.changes(learning.USUAL))
    )
    return change, loss, reach, taught, train


@app.cell
def _(change, loss, mo, reach, taught, texts, train, words):
    _row = mo.hstack([taught, change, train], justify="start", gap=1.5, wrap=True)
    mo.vstack([mo.md(words.explained(texts.LEARNING)), _row, loss, reach])


@app.cell
def _(change, learning, loss, mo, reach, taught, texts, train, words):
    _said = []
    if train.value:
        for _learnt in learning.rounds(taught.value, change.value):
            loss.show(_learnt)
            reach.show(_learnt)
        _said = [mo.callout(mo.Html(texts.announced(_learnt.sentence)))]
    mo.vstack([*_said, mo.md(words.explained(texts.SO))])


@app.cell
def _(data, file, given, own, own_data, plain, reading, refusal, sections):
    sections.of_own(
        refusal, own.notes if own else (), [f"{given.name}: {given.description}."] if given else (), reading,
        data=data, own_data=own_data, file=file, plain=plain,
    )  # fmt: skip


@app.cell
def _(mo, now, report_of):
    mo.download(
        lambda: report_of(*now["shown"]).html().encode(), "report.html", "text/html",
        label="Download the report of what is shown",
    )  # fmt: skip


@app.cell
def _(budget, look, mo, now, texts, words):
    now["budget"] = budget.value
    _row = mo.hstack([budget, look], justify="start", gap=2, wrap=True)
    mo.vstack([mo.md(words.explained(texts.AHEAD)), _row])


@app.cell
def _(ahead, look, now):
    ahead.shown(now["setting"], now["budget"], now["given"]) if look.value else None


@app.cell
def _(colour, maps, swept):
    maps.section(swept, colour)


if __name__ == "__main__":
    app.run()
