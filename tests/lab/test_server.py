"""``bptt lab`` as it runs: who may connect, what it says, how it ends, what it leaves and what it asks for."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("marimo")


from bptt.errors import OptionError
from bptt.lab.door import BODY
from bptt.lab.server import PORT, listening
from tests.lab.driver import LAB, ended, running, told

# Every connection the process opens or listens at, and every process it starts, on standard error.
AUDIT = """
import runpy, sys
def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        print("ASKS", arguments[1], file=sys.stderr, flush=True)
    if event in ("subprocess.Popen", "os.fork", "os.system", "os.exec", "os.posix_spawn"):
        print("STARTS", arguments, file=sys.stderr, flush=True)
sys.addaudithook(hook)
sys.argv[0] = "bptt"
runpy.run_module("bptt", run_name="__main__", alter_sys=True)
"""


def address(said):
    return urlsplit(told([said]))


def get(at, path="/", host="127.0.0.1", **headers):
    """Status, headers and body."""
    connection = http.client.HTTPConnection(host, at.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def visit(url):
    """The page a browser that keeps cookies ends at."""
    jar = urllib.request.HTTPCookieProcessor(CookieJar())
    with urllib.request.build_opener(urllib.request.ProxyHandler({}), jar).open(url) as answer:
        return answer.url, answer.read()


def other_address():
    """One of this machine's that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # for documentation only; nothing is sent
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


def failed(*options, cwd, command=LAB):
    done = subprocess.run([*command, *options], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert not done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_answers_at_the_address_it_prints_and_on_loopback_alone(at):
    assert at.hostname == "127.0.0.1"
    status, headers, body = get(at)
    assert status == 200
    assert b"<marimo-" in body
    assert "default-src 'self'" in headers["content-security-policy"]
    with pytest.raises(ConnectionRefusedError):
        get(at, host=other_address())


def test_another_host_asks_for_a_token(tmp_path):
    host = other_address()
    with running("--port", "0", "--host", host, cwd=tmp_path, lines=3) as (process, said):
        at = address(said[0])
        token = at.query.removeprefix("access_token=")
        assert len(token) >= 20
        assert "unencrypted" in said[1]
        for path, headers in (
            ("/", {}),
            ("/?access_token=", {}),
            ("/?access_token=wrong", {}),
            ("/", {"Authorization": "Bearer wrong"}),
            ("/", {"Cookie": "session=wrong"}),
        ):
            status, _, body = get(at, path, host, **headers)
            assert status in (303, 401)
            assert b"<marimo-" not in body
        assert "/auth/login" in visit(f"http://{at.netloc}/?access_token=wrong")[0]
        url, body = visit(at.geturl())
        assert b"<marimo-" in body
        assert token not in url  # it is not left in the browser's history
        assert said[2] == "Ctrl-C ends it.\n"
        ended(process, signal.SIGINT)


def test_a_token_of_ones_own(tmp_path):
    with running("--port", "0", cwd=tmp_path, BPTT_LAB_TOKEN="two words&more") as (_, (said,)):
        at = address(said)
        assert at.query == "access_token=two%20words%26more"
        assert get(at)[0] == 303
        assert b"<marimo-" in visit(at.geturl())[1]
    assert "a word" in failed("--token", "", "--host", other_address(), cwd=tmp_path)


def test_no_foreign_page_reads_it_under_another_name(at):
    assert get(at, Host=f"localhost:{at.port}")[0] == 200
    assert get(at, Host="localhost:9000")[0] == 200  # through a tunnel
    for name in ("evil.example", f"evil.example:{at.port}", "127.0.0.1.evil.example", ""):
        assert get(at, Host=name)[0] == 400
    # none of these is a name: nobody can make them point elsewhere
    assert get(at, Host=f"[::1]:{at.port}")[0] == 200
    assert get(at, Host="LOCALHOST")[0] == 200
    assert get(at, Origin=f"http://127.0.0.1:{at.port}")[0] == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert get(at, Origin=origin)[0] == 403
    # a WebSocket is bound by no browser's rule but its own origin
    with socket.create_connection(("127.0.0.1", at.port)) as opened:
        opened.sendall(
            f"GET /ws?session_id=s_1 HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nOrigin: http://evil.example\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        assert opened.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("length_told", [True, False])
def test_a_body_larger_than_the_largest_upload_is_refused(at, length_told):
    """Whether its length is told in advance or it comes in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=60)
    connection.putrequest("POST", "/api/kernel/set_ui_element_value")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Marimo-Session-Id", "s_1")
    page = get(at)[2].decode()
    token = re.search(r'"serverToken": ?"([^"]+)"', page)
    connection.putheader("Marimo-Server-Token", token[1] if token else "")
    if length_told:
        connection.putheader("Content-Length", str(BODY + 1))
        connection.endheaders()
    else:
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        piece = b"a" * 2**20
        try:
            for _ in range(BODY // len(piece) + 2):
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:  # it stopped listening
            pass
    assert connection.getresponse().status == 413
    connection.close()
    assert get(at)[0] == 200


def test_a_taken_port_is_an_error_if_it_was_asked_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as opened:
        told = failed("--port", str(opened.getsockname()[1]), cwd=tmp_path)
    assert told.startswith("bptt: --port: expected a port that is free and allowed")
    assert told.count("\n") == 1


@pytest.mark.parametrize("port", [65536, -1, 80.5])
def test_a_port_is_a_whole_number_of_16_bits(port):
    with pytest.raises(OptionError, match="port: expected a whole number from 0 to 65535"):
        listening("127.0.0.1", port)


def test_the_usual_port_if_taken_gives_way_to_the_next(said, at):
    assert at.port > PORT
    assert f"Port {PORT} is taken" in said[1]
    assert said[2] == "Ctrl-C ends it.\n"
    assert get(at)[0] == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 70])
def test_a_host_that_is_not_this_machine_is_an_error(host):
    with pytest.raises(OptionError, match=r"^host: expected"):
        listening(host, None)


def test_the_command_says_so(tmp_path):
    assert failed("--host", "192.0.2.1", cwd=tmp_path).startswith("bptt: --host: expected")


@pytest.mark.parametrize("missing", ["marimo", "anywidget"])
def test_without_its_packages_it_says_what_to_install(tmp_path, missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['bptt', 'lab'];"
        "from bptt.cli import main; main()"
    )
    told = failed(cwd=tmp_path, command=[sys.executable, "-c", code])
    assert f"the package {missing}" in told
    assert "pip install 'bptt[lab]'" in told
    assert told.count("\n") == 1


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
def test_an_open_page_asks_nothing_of_the_world_and_nothing_is_left(browser, tmp_path):
    """In a terminal of its own home: the server is watched by an audit hook, the page by the browser."""
    cwd, home = tmp_path / "cwd", tmp_path / "home"
    cwd.mkdir()
    home.mkdir()
    command = [sys.executable, "-c", AUDIT, "lab", "--headless"]
    places = {f"XDG_{name}_HOME": "" for name in ("CONFIG", "CACHE", "STATE")}
    with running("--port", "0", cwd=cwd, command=command, HOME=str(home), **places) as (
        server,
        said,
    ):
        at = address(said[0])
        page, asked, refused = browser.new_page(), set(), []
        page.on("request", lambda request: asked.add(urlsplit(request.url)))
        page.on(
            "console",
            lambda line: refused.append(line.text) if "Content Security" in line.text else None,
        )
        page.goto(f"http://127.0.0.1:{at.port}/")
        page.get_by_role("heading").first.wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        assert {(u.hostname, u.port) for u in asked if u.scheme.startswith(("http", "ws"))} == {
            ("127.0.0.1", at.port)
        }
        assert not refused
        assert children(server.pid) == []
        server.send_signal(signal.SIGINT)  # while the page is open
        _, errors = server.communicate(timeout=20)
        page.close()
    assert server.returncode == 0
    assert not errors
    assert not list(cwd.iterdir())
