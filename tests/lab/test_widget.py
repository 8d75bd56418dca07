"""A widget goes with its page, or the server would grow with every reader."""

import gc
import weakref
from threading import Thread

import pytest

pytest.importorskip("marimo")

import marimo as mo

from bptt.kernels import pool
from bptt.lab import pictures, scenes
from bptt.lab.card import Card, Refusal
from bptt.lab.live import Live
from bptt.lab.measured import measured
from bptt.lab.opening import Arrival
from bptt.lab.scenes import Scenes


def test_what_a_page_made_goes_with_its_thread():
    left = []

    def page():
        pool.empty((1 << 20,), "float32")  # as what a slider measured before
        shown = measured(scenes.AT)
        live = [Live(picture, shown) for picture in pictures.OF_NETWORK]
        own = [Card(), Refusal(), Arrival(section=""), Scenes(scenes.CULPRITS, print)]
        for each in (*live, *own):
            mo.as_html(each)
            # anywidget makes a class for each of its widgets
            left.extend(map(weakref.ref, (each, each.layout, type(each))))

    gc.collect()  # what is no longer needed elsewhere would go back to the pool at any moment
    thread = Thread(target=page)
    thread.start()
    thread.join()
    assert pool.idle() == 0
    gc.collect()
    assert len(left) >= 3 * 12
    assert [each() for each in left if each() is not None] == []
