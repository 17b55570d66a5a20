"""The way to a server: what HTTP allows is understood, connections are used again, and nothing waits for ever."""

import gzip
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest
from doubles import question

from toolrec_cli.errors import ProviderError
from toolrec_cli.llm.failures import Unanswered
from toolrec_cli.llm.providers import pooled
from toolrec_cli.llm.providers.client import OpenAICompatible
from toolrec_cli.llm.providers.pooled import Client, Pooled

BODY = json.dumps({"choices": [{"message": {"content": "hello"}}]}).encode()
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
ZIPPED = gzip.compress(BODY)

Ask = Callable[..., OpenAICompatible]
Talk = Callable[..., "Talker"]


class Talker:
    """Answers each connection's requests with the bytes it was given, one after the other, then closes it.

    `silent`: seconds between two bytes. `ahead`: answers without reading the body. `tls`: with which certificate.
    `garbled`: bytes that go out behind each answer as they are, not encrypted.
    """

    def __init__(
        self,
        *answers: bytes,
        silent: float = 0.0,
        ahead: bool = False,
        tls: ssl.SSLContext | None = None,
        garbled: bytes = b"",
    ) -> None:
        self._answers, self._silent, self._ahead, self._tls = answers, silent, ahead, tls
        self._garbled = garbled
        self._there = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._there.getsockname()[1]}/v1"
        self.connections = 0
        self.heads: list[bytes] = []
        self.closed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._there.shutdown(socket.SHUT_RDWR)  # closing alone would leave the thread that waits in accept
        self._there.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._there.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), self._secured(connection) as safe, safe.makefile("rb") as said:
            for answer in self._answers:
                if not (first := said.readline()):
                    break
                headers = http.client.parse_headers(said)
                self.heads.append(first)
                if not self._ahead:
                    said.read(int(headers.get("Content-Length", 0)))
                for part in [answer[place : place + 1] for place in range(len(answer))] if self._silent else [answer]:
                    safe.sendall(part)
                    time.sleep(self._silent)
                os.write(safe.fileno(), self._garbled)
        self.closed.set()

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection


@pytest.fixture
def talk() -> Generator[Talk]:
    with ExitStack() as running:

        def start(*answers: bytes, **options: object) -> Talker:
            talker = Talker(*answers, **options)  # type: ignore[arg-type]
            running.callback(talker.close)
            return talker

        yield start


def test_one_connection_serves_question_after_question(talk: Talk, ask: Ask) -> None:
    server = talk(*[PLAIN] * 5)
    model = ask(server.url, max_retries=0)
    assert [model.reply(question(str(n))).text for n in range(5)] == ["hello"] * 5
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n"
            % (BODY[:5], len(BODY) - 5, BODY[5:]),
            1,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(ZIPPED), ZIPPED), 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, 1),
        (b"HTTP/1.0 200 OK\r\n\r\n" + BODY, 2),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY, 2),
    ],
    ids=["chunked", "gzip", "continue", "1.0", "until it closes"],
)
def test_an_answer_may_come_in_every_form(talk: Talk, ask: Ask, answer: bytes, connections: int) -> None:
    server = talk(*[answer] * (2 // connections))
    model = ask(server.url, max_retries=0)
    assert [model.reply(question(str(n))).text for n in range(2)] == ["hello", "hello"]
    assert server.connections == connections


def test_a_client_that_is_closed_leaves_no_connection_open(talk: Talk) -> None:
    server = talk(*[PLAIN] * 2)
    transport = Pooled(server.url, seconds=5.0, connect=5.0, keep=2)
    answer = transport.handle_request(httpx2.Request("POST", f"{server.url}/chat/completions", content=b"{}"))
    assert answer.status_code == 200
    assert not server.closed.wait(0.2)
    transport.close()
    assert server.closed.wait(5)


def test_a_connection_that_the_server_gave_up_is_not_used_again(talk: Talk, ask: Ask) -> None:
    server = talk(PLAIN)
    model = ask(server.url, max_retries=0)
    for number in range(3):
        assert model.reply(question(str(number))).text == "hello"
        assert server.closed.wait(5)
        server.closed.clear()
    assert server.connections == 3


def test_a_connection_that_was_long_unused_is_not_used_again(
    talk: Talk, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = talk(PLAIN, PLAIN)
    model = ask(server.url, max_retries=0)
    model.reply(question("a"))
    monkeypatch.setattr(pooled, "IDLE", 0.0)
    model.reply(question("b"))
    assert server.connections == 2


def test_headers_that_trickle_are_not_waited_for_for_ever(talk: Talk, ask: Ask) -> None:
    server, begun = talk(PLAIN, silent=0.05), time.monotonic()
    with pytest.raises(Unanswered, match=r"did not answer within 0\.3 seconds, asked once"):
        ask(server.url, timeout=0.3, max_retries=0).reply(question())
    assert time.monotonic() - begun < 2


def test_who_answers_before_he_has_heard_all_is_heard(talk: Talk, ask: Ask) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo long"
    with pytest.raises(ProviderError, match=r"413: too long|broke the connection off"):
        ask(talk(refusal, ahead=True).url, max_retries=0).reply(question("x" * 30_000_000))


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", PLAIN[:-9], b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000]
)
def test_what_is_no_http_is_a_broken_connection(talk: Talk, ask: Ask, answer: bytes) -> None:
    with pytest.raises(Unanswered, match="broke the connection off, once"):
        ask(talk(answer).url, max_retries=0).reply(question())


def test_a_header_of_several_lines_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        url = f"http://127.0.0.1:{there.getsockname()[1]}/"
        request = httpx2.Request("POST", url, headers={"Authorization": "Bearer a\r\nEvil: yes"})
        with pytest.raises(httpx2.LocalProtocolError):
            Pooled(url, 1.0, 1.0, 1).handle_request(request)


def test_a_server_that_does_not_speak_tls_is_told_apart(talk: Talk, ask: Ask) -> None:
    url = talk(PLAIN).url.replace("http://", "https://")
    with pytest.raises(ProviderError, match="cannot be reached"):
        ask(url, max_retries=0, timeout=2.0).reply(question())


def test_a_host_that_cannot_be_is_not_reached(ask: Ask) -> None:
    with pytest.raises(ProviderError, match="cannot be reached"):
        ask(f"http://{'x' * 64}.example/v1", max_retries=0).reply(question())


def test_more_at_once_than_are_kept_is_nothing_to_speak_of(talk: Talk, capfd: pytest.CaptureFixture[str]) -> None:
    server = talk(PLAIN, silent=0.002)
    with Client(transport=Pooled(server.url, 5.0, 5.0, 1)) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post(server.url, content=b"x").json(), range(4)))
    assert answers == [json.loads(BODY)] * 4
    assert capfd.readouterr() == ("", "")


def test_through_a_proxy_the_proxy_is_asked(talk: Talk, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = talk(PLAIN)
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert ask("http://models.example/v1", max_retries=0).reply(question()).text == "hello"
    assert proxy.heads == [b"POST http://models.example/v1/chat/completions HTTP/1.1\r\n"]


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """What a server at 127.0.0.1 encrypts with, and where its certificate is."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, str(certificate)


def test_a_certificate_has_to_hold(
    talk: Talk, ask: Ask, certified: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified
    server = talk(PLAIN, PLAIN, tls=context)
    with pytest.raises(ProviderError, match="certificate or TLS does not hold"):
        ask(server.url, max_retries=0).reply(question())
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    model = ask(server.url, max_retries=0)
    assert [model.reply(question(str(n))).text for n in range(2)] == ["hello", "hello"]
    assert server.connections == 2, "the refused one, and one for both questions"


def test_an_answer_whose_encryption_breaks_may_have_been_billed(
    talk: Talk, ask: Ask, certified: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    server = talk(PLAIN[:-9], tls=context, garbled=b"no record of TLS")
    with pytest.raises(Unanswered, match="broke the connection off, once"):
        ask(server.url, max_retries=0).reply(question())
