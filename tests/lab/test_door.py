"""What the live page answers to those who are not its page, and to messages that no page of ours sends."""

import asyncio
import http.client
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

pytest.importorskip("marimo", reason="pip install 'bptt[lab]'")

import marimo as mo

from bptt.lab.door import Door
from bptt.lab.held import held
from bptt.lab.places import Places
from tests.lab.driver import FIND, PICTURES, running
from tests.lab.test_server import address, get

MALFORMED = [[["a"]], [["a", "!!!"]], [[1, 2]], "x", 5, None, {"a": 1}, [], True, 1e30, -1e30]


def test_no_answer_gives_another_page_leave_to_read_it(at):
    page = get(at)
    asset = re.search(rb'src="\./(assets/[^"]+\.js)"', page[2])[1].decode()
    for answer in (page, get(at, f"/{asset}"), get(at, "/health"), get(at, "/api/status")):
        assert not [name for name in answer[1] if name.lower().startswith("access-control-")]


def test_a_preflight_of_another_page_is_refused(at):
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=20)
    wanted = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    connection.request("OPTIONS", "/api/kernel/set_ui_element_value", headers=wanted)
    answer = connection.getresponse()
    assert answer.status == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    connection.close()


def test_the_policy_lets_no_text_become_code(at):
    _, headers, body = get(at)
    (policy,) = headers.get_all("content-security-policy")
    scripts = re.search(r"script-src ([^;]*)", policy)[1]
    assert "unsafe" not in scripts
    assert scripts.count("sha256-") == len(re.findall(rb"<script(?![^>]* src=)", body)) > 0
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd", "/assets/../../../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "/@file/../../etc/passwd", "/@file/1-..%2f..%2fetc%2fpasswd",
        "/public/../../../../etc/passwd", "//etc/passwd", "/assets/%00", "/?file=/etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(at, path):
    with socket.create_connection(
        ("127.0.0.1", at.port), timeout=20
    ) as opened:  # as it stands, nothing made plain
        asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\nConnection: close\r\n\r\n"
        opened.sendall(asked.encode())
        answer = b"".join(iter(lambda: opened.recv(2**16), b""))
    assert int(answer.split()[1]) < 500
    assert b"root:" not in answer


def asked(door, kind, path="/", query="", accept="text/html"):
    """What a door answers: the status of a page, or the code that a websocket is closed with; None where it goes through."""
    sent = []

    async def send(message):
        sent.append(message.get("status", message.get("code")))

    async def receive():
        return {"type": "http.request"}

    headers = [(b"accept", accept.encode())]
    scope = {"type": kind, "path": path, "headers": headers, "query_string": query.encode(), "method": "GET"}  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # this thread has a loop of its own once a browser is open
        pool.submit(lambda: asyncio.run(door(scope, receive, send))).result()
    return next((number for number in sent if number), None)


def opens(door, page):
    """What its websocket is answered."""
    return asked(door, "websocket", "/ws", f"session_id={page}")


async def lets_in(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})


def test_a_full_server_says_so_and_a_place_is_free_again_when_a_page_has_gone():
    inside = []

    async def app(scope, receive, send):
        await lets_in(scope, receive, send)
        if scope["query_string"] == b"session_id=second":
            # while two pages are open, a third is told that it is full, and the first may reconnect
            inside.extend([places.free(), places.take("third"), places.take("first")])

    places = Places(most=2, stays=0.2)
    door = Door(app, own_pages_only=True, places=places)
    assert places.take("first")
    assert opens(door, "second") is None
    assert inside == [False, False, True]
    assert asked(door, "http") == 503  # the second keeps its place for a while
    assert asked(door, "http", "/assets/a.js") is None
    assert opens(door, "third") == 1013
    time.sleep(0.3)
    assert asked(door, "http") is None
    assert opens(door, "third") is None


def test_who_is_shown_the_page_finds_a_place_and_who_comes_too_late_is_told_at_once():
    """A class opens the page at the same moment: nobody may be left with a page that waits for a place in silence."""
    places = Places(most=2, stays=0.2)

    async def answers(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    page = Door(answers, own_pages_only=True, places=places)
    assert [asked(page, "http") for _ in range(4)] == [200, 200, 503, 503]
    door = Door(lets_in, own_pages_only=True, places=places)
    assert (opens(door, "first"), opens(door, "second")) == (None, None)
    assert opens(door, "third") == 1013
    time.sleep(0.3)
    # nobody will come back for these
    assert [asked(page, "http", accept="*/*") for _ in range(4)] == [200] * 4
    assert [asked(door, "http") for _ in range(4)] == [None] * 4  # that is no page
    assert opens(door, "third") is None


@pytest.mark.parametrize(
    "ends", [{"type": "websocket.send", "text": '{"op": "completed-run", "data": {}}'}, None]
)
def test_pages_begin_one_after_the_other(ends):
    """Of notebooks that begin at once each would stand as late as the last."""
    beginning, most = 0, 0

    async def begins(scope, receive, send):
        nonlocal beginning, most
        await send({"type": "websocket.accept"})
        beginning += 1
        most = max(most, beginning)
        await asyncio.sleep(0.01)
        beginning -= 1
        if ends:
            await send(ends)
            await asyncio.sleep(30)  # it is read while others begin

    async def nothing(message=None):
        return {}

    async def all_at_once():
        door = Door(begins, own_pages_only=True, places=Places())
        scopes = [
            {"type": "websocket", "path": "/ws", "headers": [], "query_string": b"session_id=%d" % number}
            for number in range(8)
        ]  # fmt: skip
        pages = [asyncio.ensure_future(door(scope, nothing, nothing)) for scope in scopes]
        done, _ = await asyncio.wait(pages, timeout=2 if ends is None else 0.5)
        for page in pages:
            page.cancel()
        return len(done)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: asyncio.run(all_at_once())).result()
    assert most == 1
    assert done == (0 if ends else 8)


def test_who_is_turned_away_takes_no_place():
    """With a token, whoever has none could take them all."""

    async def turns_away(scope, receive, send):
        await send({"type": "websocket.close", "code": 3000})

    places = Places(most=1, stays=60)
    assert opens(Door(turns_away, own_pages_only=False, places=places), "stranger") == 3000
    assert opens(Door(lets_in, own_pages_only=False, places=places), "pupil") is None


def test_a_page_has_one_place_whatever_its_query_says():
    """marimo reads the last name of a session, so this door does: or one place would let in any number."""
    door = Door(lets_in, own_pages_only=True, places=Places(most=1, stays=60))
    assert opens(door, "a&session_id=bc") is None
    assert opens(door, "ab&session_id=c") == 1013
    assert opens(door, "bc") is None


def test_a_page_comes_by_its_websocket_alone():
    """marimo has a second way in, events that a server sends, which is no websocket and would need no place."""
    door = Door(lets_in, own_pages_only=True, places=Places())
    for path in ("/sse", "/sse/"):
        assert asked(door, "http", path, "session_id=s_1") == 404


@pytest.mark.parametrize(
    "control",
    [
        lambda: mo.ui.slider(20, 300, 10, value=60),
        lambda: mo.ui.slider(steps=[4, 8, 16], value=8),
        lambda: mo.ui.dropdown(["tanh", "relu"], value="tanh"),
        lambda: mo.ui.radio({"one unit": "scalar", "many": "matrix"}, value="one unit"),
        lambda: mo.ui.file([".npz"], kind="area"),
    ],
)
@pytest.mark.parametrize("message", MALFORMED, ids=repr)
def test_what_is_no_value_leaves_a_control_as_it_was(control, message):
    one = held(control())
    before = one.value
    one._update(message)
    assert one.value == before or (message in ([], [["a", "!!!"]]) and hasattr(one, "contents"))


def test_what_a_reader_chooses_moves_it():
    slider, choice = held(mo.ui.slider(20, 300, 10)), held(mo.ui.dropdown(["tanh", "relu"]))
    slider._update(120)
    choice._update(["relu"])
    assert (slider.value, choice.value) == (120, "relu")


SEND = """async ([session, token, ids, value]) => (await fetch("/api/kernel/set_ui_element_value", {
  method: "POST",
  headers: {"Content-Type": "application/json", "Marimo-Session-Id": session, "Marimo-Server-Token": token},
  body: JSON.stringify({objectIds: ids, values: ids.map(() => value)}),
})).status"""
CONTROLS = """() => find("marimo-file, marimo-slider, marimo-dropdown, marimo-radio, marimo-text, marimo-form")
  .map(e => e.closest("marimo-ui-element")?.getAttribute("object-id")).filter(Boolean)"""


def test_the_page_goes_on_after_messages_that_are_none(browser, tmp_path):
    """Each control of the page is sent each of them; the terminal stays silent, and a slider still moves a chart."""
    with running("--port", "0", cwd=tmp_path, lines=2) as (server, said):
        page, sockets = browser.new_page(), []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        page.add_init_script(FIND)
        page.goto(f"http://127.0.0.1:{address(said[0]).port}/")
        page.wait_for_function(
            "n => find('.live[data-drawn]').length >= n", arg=PICTURES, timeout=120_000
        )
        page.wait_for_timeout(1000)
        token = re.search(r'"serverToken": ?"([^"]+)"', page.content())[1]
        session = re.search(r"session_id=([^&]+)", urlsplit(sockets[0]).query)[1]
        controls = sorted(set(page.evaluate(CONTROLS)))
        assert len(controls) > 20
        for message in MALFORMED:
            assert page.evaluate(SEND, [session, token, controls, message]) == 200
            page.wait_for_timeout(500)  # of two that wait, marimo takes the later
        page.wait_for_timeout(3000)
        assert page.evaluate("find('.live[data-drawn]').length") >= PICTURES
        page.close()
        server.terminate()
        _, errors = server.communicate(timeout=20)
    assert not errors
