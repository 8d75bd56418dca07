"""A widget goes with its page, or the server would grow with every reader."""

import gc
import weakref
from threading import Thread

import pytest

pytest.importorskip("marimo")

from bptt.lab import pictures, scenes
from bptt.lab.asking import asked
from bptt.lab.card import Card, Refusal
from bptt.lab.live import Live
from bptt.lab.measured import measured
from bptt.lab.opening import Arrival
from bptt.lab.scenes import Scenes


def test_what_a_page_made_goes_with_its_thread():
    left = []

    def page():
        shown = measured(scenes.AT)
        live = [Live(picture, shown) for picture in pictures.OF_NETWORK]
        questions = [each for row in asked(print).values() for each in row]
        own = [Card(), Refusal(), Arrival(section=""), Scenes(scenes.CULPRITS, print)]
        widgets = [getattr(each, "widget", each) for each in (*live, *questions, *own)]
        left.extend(weakref.ref(each) for each in widgets)

    thread = Thread(target=page)
    thread.start()
    thread.join()
    gc.collect()
    assert len(left) > 12
    assert [each() for each in left if each() is not None] == []
