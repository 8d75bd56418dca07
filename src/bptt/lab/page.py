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
    from bptt.errors import BpttError
    from bptt.lab import (
        ahead,
        asking,
        cliff,
        controls,
        maps,
        opening,
        pictures,
        scalar,
        sections,
        sequences,
        texts,
        upload,
        words,
    )  # fmt: skip
    from bptt.lab.card import Card
    from bptt.lab.exercises.of_one_unit import inputs as read
    from bptt.lab.live import Live
    from bptt.lab.measured import measure, report_of

    # What is measured here is small: one thread is as fast as several, and waits for nobody.
    set_num_threads(1)
    return (
        BpttError, Card, Derivation, Live, Configuration, ahead, asking, cliff, controls, maps, measure, mo, opening, pictures,
        read, report_of, scalar, sections, sequences, texts, upload, words,
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
def _(controls):
    steps, form = controls.of_equations()
    return form, steps


@app.cell
def _(controls, one_unit):
    weight, strength, one_phi, back = controls.of_one_unit(one_unit())
    return back, one_phi, strength, weight


@app.cell
def _(Derivation, form, mo, steps, texts, words):
    mo.vstack(
        [
            mo.md(words.explained(texts.EQUATIONS)),
            mo.hstack([steps, form], justify="start", gap=2),
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
def _(asked, back, expression, mo, one_phi, strength, terms, texts, weight):
    mo.vstack(
        [
            mo.md(texts.SCALAR),
            mo.hstack([weight, strength, one_phi, back], justify="start", gap=1.5, wrap=True),
            expression,
            terms,
            *asked["terms"],
        ]
    )


@app.cell
def _(begins, controls, measure, pictures, Card, Live):
    first = begins.setting
    _shown = measure(first.build())
    card = Card()
    card.show(_shown, f"the sliders' network on {first.data}")
    live = {picture.key: Live(picture, _shown) for picture in pictures.OF_NETWORK}
    # for what looks only when it is asked: the exercises and the look ahead
    now = {"setting": first, "given": None}
    file, plain, own_data, reading = controls.of_files()
    return card, file, live, now, own_data, plain, reading


@app.cell
def _(BpttError, file, plain, upload):
    own, refused = None, None
    if file.value:
        try:
            own = upload.opened(file.name(), file.contents(), activation=plain.value)
        except BpttError as _error:
            refused = upload.words(_error)
    return own, refused


@app.cell
def _(BpttError, now, own, own_data, reading, sequences, upload):
    given, unread = None, None
    if own_data.value:
        _said, _raw = reading.value, own is not None and own.model.parts is not None
        try:
            given = sequences.dropped(own_data.name(), own_data.contents(), _said, as_stored=_raw)
        except BpttError as _error:
            unread = upload.words(_error)
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
def _(card, controls, file, given, live, measure, own, refused, setting, unread, upload, BpttError):
    shown, problem = None, refused or unread
    card.busy = True
    try:
        if problem is None:
            shown = measure(
                setting.build(given)
                if own is None
                else upload.fitted(
                    own, setting.data, setting.length, setting.batch, setting.seed, setting.loss_at, given
                )
            )  # fmt: skip
    except BpttError as _error:
        problem = upload.words(_error)
    if shown is None:
        card.refuse(problem)
    else:
        _whose = "the sliders' network" if own is None else f"your file {file.name()}"
        _on = setting.data if given is None else given.name
        card.show(
            shown,
            f"{_whose} on {_on}",
            controls.resting(setting, own is not None, given is not None),
        )
        for _picture in live.values():
            _picture.show(shown)
    return problem, shown


@app.cell
def _(asked, at_rest, card, live, mo, moved, sections):
    mo.vstack(list(sections.laid_out(live, moved, [card, *at_rest], asked)))


@app.cell
def _(limit, pictures, rate, wall, wide_w):
    wall.show(pictures.descents(wide_w.value, rate.value, limit.value))


@app.cell
def _(limit, mo, rate, texts, wall, wide_w):
    mo.vstack(
        [
            mo.md(texts.CLIFF),
            mo.hstack([wide_w, rate, limit], justify="start", gap=1.5, wrap=True),
            wall,
        ]
    )


@app.cell
def _(Configuration, asking, now, set_one_unit, set_started):
    def _begin(exercise):
        if isinstance(exercise.start, Configuration):
            now["setting"] = exercise.start
            set_started(lambda times: times + 1)
        else:
            set_one_unit(exercise.start)

    asked = asking.asked(_begin)
    return (asked,)


@app.cell
def _(data, file, given, mo, own, own_data, plain, problem, reading, texts):
    _notes = [mo.Html(texts.paragraphs(*own.notes))] if own else []
    _read = [mo.Html(texts.paragraphs(f"{given.name}: {given.description}."))] if given else []
    _refusal = [mo.callout(mo.Html(texts.announced(problem)), kind="warn")] if problem else []
    _said = mo.hstack(reading.elements.values(), justify="start", wrap=True)
    mo.vstack(
        [mo.md(texts.OWN), *_refusal, data, own_data, _said, *_read, mo.md(texts.MODEL), file, plain, *_notes]
    )  # fmt: skip


@app.cell
def _(file, given, mo, report_of, setting, shown):
    mo.download(
        lambda: report_of(shown, setting, file.name(), given).html().encode(),
        "report.html", "text/html", disabled=shown is None,
        label="Download the report of what is shown",
    )  # fmt: skip


@app.cell
def _(ahead, controls):
    budget, look = controls.of_look(ahead.BUDGETS, ahead.USUAL)
    return budget, look


@app.cell
def _(budget, look, mo, now, texts):
    now["budget"] = budget.value
    mo.vstack([mo.md(texts.AHEAD), mo.hstack([budget, look], justify="start", gap=2, wrap=True)])


@app.cell
def _(ahead, look, now):
    ahead.shown(now["setting"], now["budget"], now["given"]) if look.value else None


@app.cell
def _(controls, maps):
    swept, colour = controls.of_sweep(maps.COLOURS, maps.MAX_BYTES)
    return colour, swept


@app.cell
def _(BpttError, colour, maps, mo, swept, texts, upload):
    _shown = []
    if swept.value:
        try:
            _map, _sentences = maps.drawn(swept.name(), swept.contents(), colour.value)
            _shown = [colour, mo.as_html(_map), mo.Html(texts.paragraphs(*_sentences))]
        except BpttError as _error:
            _shown = [mo.callout(mo.Html(texts.announced(upload.words(_error))), kind="warn")]
    mo.vstack([mo.md(texts.SWEEP), swept, *_shown])


if __name__ == "__main__":
    app.run()
