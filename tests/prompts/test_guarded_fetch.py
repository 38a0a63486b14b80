"""The guard on a small internet: what is fetched, what is refused, and that our own network is never reached."""

import asyncio
import shutil
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from voicegw.prompts import guarded_fetch
from voicegw.prompts.errors import PromptError, PromptSourceRefused, PromptTooLarge, PromptUnreachable, PromptUnreadable
from voicegw.prompts.guarded_fetch import FetchedAudio, GuardedFetcher, StillTheSame, open_public_socket
from voicegw.prompts.public_sources import SourceRules
from voicegw.prompts.validators import Validators


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["10.0.0.1", "93.184.215.14"],
        ["2606:2800:21f::1", "::1"],
        ["::ffff:93.184.215.14"],
        ["64:ff9b::5db8:d70e"],
        ["2002:5db8:d70e::"],
        ["fe80::1%lo"],
        ["169.254.169.254"],
    ],
)
async def test_name_with_one_address_that_is_not_public_is_refused(
    internet: Any, fetcher: GuardedFetcher, addresses: list[str]
) -> None:
    internet.names["mixed.example"] = [addresses]
    with pytest.raises(PromptSourceRefused, match=r"mixed\.example: that is not on the public internet"):
        await fetcher.fetch("http://mixed.example/a.wav")
    assert internet.dialled == []


@pytest.mark.parametrize("answer", [[], ["not an address"]])
async def test_name_without_an_address_cannot_be_fetched(
    internet: Any, fetcher: GuardedFetcher, answer: list[str]
) -> None:
    internet.names["nobody.example"] = [answer]
    with pytest.raises(PromptUnreachable, match=r"nobody\.example/a\.wav cannot be fetched"):
        await fetcher.fetch("http://nobody.example/a.wav")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "224.0.0.1"])
def test_last_gate_opens_no_socket_to_a_private_address(address: str) -> None:
    opened: list[Any] = []
    with pytest.raises(PermissionError):
        open_public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)), opened.append)  # type: ignore[arg-type]
    assert opened == []


async def test_audio_comes_with_what_the_server_says_of_it(internet: Any, fetcher: GuardedFetcher) -> None:
    internet.answer(
        "/a.wav?sig=a%2Fb", "Content-Type: audio/wav", 'ETag: "v1"', "Cache-Control: max-age=60", body=b"RIFF"
    )
    assert await fetcher.fetch("http://public.example/a.wav?sig=a%2Fb#part") == FetchedAudio(
        b"RIFF", "audio/wav", Validators('"v1"'), 60.0
    )
    assert internet.dialled == ["93.184.215.14"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://public.example", "/"),
        ("HTTP://PUBLIC.example/A", "/A"),
        ("http://public.example?@127.0.0.1", "/?@127.0.0.1"),
        ("http://public.example/@127.0.0.1", "/@127.0.0.1"),
        ("http://public.example#@127.0.0.1/", "/"),
        ("http://public.example/Begrüßung 1.mp3", "/Begr%C3%BC%C3%9Fung%201.mp3"),
        ("http://93.184.215.14/a", "/a"),
    ],
)
async def test_url_that_only_looks_hostile_goes_to_its_public_host(
    internet: Any, fetcher: GuardedFetcher, url: str, path: str
) -> None:
    internet.answer(path, body=b"sound")
    assert (await fetcher.fetch(url)).content == b"sound"  # type: ignore[union-attr]
    internet.assert_only_public_was_reached()


async def test_request_carries_no_cookie_no_proxy_and_nothing_of_the_environment(
    internet: Any, fetcher: GuardedFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{internet.canary_port}")
    internet.answer("/a", "Set-Cookie: seen=1; Path=/", body=b"sound")
    for _ in range(2):
        await fetcher.fetch("http://public.example/a")
    assert all(b"cookie" not in request.lower() and b"seen=1" not in request for request in internet.requests)
    assert all(b"Accept-Encoding: identity" in request for request in internet.requests)
    internet.assert_only_public_was_reached()


@pytest.mark.parametrize("location", ["/b", "http://public.example/b", "//public.example/b", "b"])
async def test_redirect_is_followed(internet: Any, fetcher: GuardedFetcher, location: str) -> None:
    internet.answer("/a", f"Location: {location}", status="302 Found")
    internet.answer("/b", body=b"sound")
    assert (await fetcher.fetch("http://public.example/a")).content == b"sound"  # type: ignore[union-attr]


async def test_three_redirects_are_followed_and_no_more(internet: Any, fetcher: GuardedFetcher) -> None:
    for number in range(4):
        internet.answer(f"/{number}", f"Location: /{number + 1}", status="302 Found")
    internet.answer("/4", body=b"sound")
    assert (await fetcher.fetch("http://public.example/1")).content == b"sound"  # type: ignore[union-attr]
    with pytest.raises(PromptUnreachable, match="redirects on and on") as refused:
        await fetcher.fetch("http://public.example/0")
    assert not refused.value.retryable


@pytest.mark.parametrize("location", ["http://[::1", "http://[::1]x/", ""])
async def test_redirect_to_what_is_no_url_is_an_error(internet: Any, fetcher: GuardedFetcher, location: str) -> None:
    internet.answer("/a", f"Location: {location}", status="302 Found")
    with pytest.raises(PromptError, match="redirects"):
        await fetcher.fetch("http://public.example/a")


async def test_plain_http_is_refused_unless_the_settings_allow_it(internet: Any) -> None:
    async with GuardedFetcher(SourceRules(), lookup=internet.look_up, open_socket=internet.open_socket) as strict:
        with pytest.raises(PromptSourceRefused, match="use https://"):
            await strict.fetch("http://public.example/a")
    assert internet.dialled == []


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (404, False), (429, True), (500, True), (503, True)])
async def test_error_status_says_whether_to_try_again(
    internet: Any, fetcher: GuardedFetcher, status: int, retryable: bool
) -> None:
    internet.answer("/a?key=secret", status=f"{status} No")
    with pytest.raises(PromptUnreachable, match=rf"http://public\.example/a answered with status {status}") as failed:
        await fetcher.fetch("http://public.example/a?key=secret")
    assert failed.value.retryable is retryable


async def test_known_version_is_not_sent_again(internet: Any, fetcher: GuardedFetcher) -> None:
    internet.answer("/a", "Cache-Control: max-age=30", status="304 Not Modified")
    known = Validators('"v1"', "Wed, 01 Jan 2025 00:00:00 GMT")
    assert await fetcher.fetch("http://public.example/a", known) == StillTheSame(30.0)
    assert b'If-None-Match: "v1"' in internet.requests[0]
    with pytest.raises(PromptUnreachable, match="304"):  # an answer to a question that was not asked
        await fetcher.fetch("http://public.example/a")


@pytest.mark.parametrize("media_type", ["text/html; charset=x", "application/json", "image/png", "application/a+json"])
async def test_what_is_surely_no_audio_is_refused(internet: Any, fetcher: GuardedFetcher, media_type: str) -> None:
    internet.answer("/a", f"Content-Type: {media_type}", body=b"<html>")
    with pytest.raises(PromptUnreadable, match="not audio"):
        await fetcher.fetch("http://public.example/a")


@pytest.mark.parametrize("media_type", ["audio/mpeg", "video/mp4", "binary/octet-stream", "x"])
async def test_other_media_types_are_left_to_the_decoder(
    internet: Any, fetcher: GuardedFetcher, media_type: str
) -> None:
    internet.answer("/a", f"Content-Type: {media_type}", body=b"sound")
    assert (await fetcher.fetch("http://public.example/a")).media_type == media_type  # type: ignore[union-attr]


async def test_body_that_would_have_to_be_unpacked_is_refused(internet: Any, fetcher: GuardedFetcher) -> None:
    internet.answer("/bomb", "Content-Encoding: gzip", body=b"\x1f\x8b")
    with pytest.raises(PromptUnreadable, match="compressed"):
        await fetcher.fetch("http://public.example/bomb")


async def test_body_over_the_limit_is_refused_whether_its_length_is_told_or_not(
    internet: Any, fetcher: GuardedFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_fetch, "MAX_SOURCE_BYTES", 1_000)
    internet.answer("/told", body=b"x" * 1_001)
    internet.answers["/untold"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1_001
    internet.answer("/fits", body=b"x" * 1_000)
    for path in ("told", "untold"):
        with pytest.raises(PromptTooLarge, match="over the limit of 1000 bytes"):
            await fetcher.fetch(f"http://public.example/{path}")
    assert len((await fetcher.fetch("http://public.example/fits")).content) == 1_000  # type: ignore[union-attr]


async def test_server_that_stalls_is_given_up(internet: Any) -> None:
    gone = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await reader.read()
        gone.set()

    internet.answers["/a"] = stall
    rules = SourceRules(allow_http=True)
    fetcher = GuardedFetcher(rules, lookup=internet.look_up, open_socket=internet.open_socket, max_seconds=0.1)
    async with fetcher:
        with pytest.raises(PromptUnreachable, match="too slow"):
            await fetcher.fetch("http://public.example/a")
        await gone.wait()  # the connection does not outlive the fetch


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"no http\r\n\r\n"])
async def test_answer_that_breaks_off_is_an_error(internet: Any, fetcher: GuardedFetcher, answer: bytes) -> None:
    internet.answers["/a"] = answer
    with pytest.raises(PromptUnreachable, match="cannot be fetched") as failed:
        await fetcher.fetch("http://public.example/a")
    assert failed.value.retryable


async def test_default_network_is_the_systems() -> None:
    async with GuardedFetcher(SourceRules()) as fetcher:
        assert "127.0.0.1" in await fetcher._look_up("localhost", 80)
        guarded_fetch._open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))).close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_certificate_must_be_for_the_name_in_the_url(tmp_path: Path, internet: Any) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=public.example", "-addext", "subjectAltName=DNS:public.example"),
        *("-keyout", key, "-out", certificate),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await openssl.wait() == 0
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(certificate, key)
    internet.close()
    await internet.open(server_tls)
    internet.names["other.example"] = [["93.184.215.14"]]
    internet.answer("/a", body=b"sound")
    trusted = ssl.create_default_context(cafile=str(certificate))
    rules = SourceRules()
    async with GuardedFetcher(rules, lookup=internet.look_up, open_socket=internet.open_socket, tls=trusted) as fetcher:
        assert (await fetcher.fetch("https://public.example/a")).content == b"sound"  # type: ignore[union-attr]
        with pytest.raises(PromptUnreachable, match="Certificate"):
            await fetcher.fetch("https://other.example/a")
