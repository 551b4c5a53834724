"""What anybody may send to the webhook over HTTP: no 5xx, no traceback, and nothing is stored without a signature."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterable, Iterator

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from connectors.whatsapp.signature import sign
from connectors.whatsapp.updates import LARGEST
from tests.unit.helpers_channel import serving
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_webhooks import entry, message, raw, value, webhook
from tests.unit.test_connector_channel import BODY, SECRET, FakeWiring
from tests.unit.test_connector_updates_fuzz import damaged

HEAD = b"POST /webhooks/whatsapp/webhook HTTP/1.1\r\nHost: x\r\n"
SIGNED = HEAD + b"X-Hub-Signature-256: " + sign(SECRET, BODY).encode() + b"\r\n"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
MEGABYTE = b"x" * 2**20


@pytest.fixture
async def wiring() -> FakeWiring:
    return FakeWiring()


@pytest.fixture
async def port(wiring: FakeWiring) -> AsyncIterator[int]:
    async with serving(wiring, "the agent") as address:
        yield URL(address).port or 0


async def answer(port: int, parts: Iterable[bytes]) -> tuple[int, bytes]:
    """What the server answers to these bytes: status and text; 0 if it hung up without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def write() -> None:
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
        except ConnectionError:
            pass  # it has heard enough

    writing = asyncio.create_task(write())
    try:
        said = await asyncio.wait_for(reader.read(2000), 5)
    except ConnectionError:
        said = b""
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        writer.close()
    return (int(said.split(b" ", 2)[1]) if said else 0), said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (SIGNED + b"Content-Length: abc\r\n\r\n" + BODY, 400),
        (SIGNED + b"Content-Length: -5\r\n\r\n" + BODY, 400),
        (SIGNED + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + BODY, 400),
        (SIGNED + b"Content-Length: 52428800\r\n\r\n" + BODY, 413),
        (SIGNED + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}", 400),
        (SIGNED + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED, 400),
        (SIGNED + b"Transfer-Encoding: gzip\r\n\r\n" + BODY, 400),
        (SIGNED + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY, 400),
        (SIGNED + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + BODY, 400),
        (SIGNED + b"\r\n", 401),
        (HEAD + b"X-Hub-Signature-256: \xff\xfe\x80\r\nContent-Length: 2\r\n\r\n{}", 401),
        (HEAD + b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\nContent-Length: 2\r\n\r\n{}", 401),
        (HEAD + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 413),
        (b"POST http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"POST\r\n\r\n", 400),
        (HEAD.replace(b"POST", b"PUT") + b"Content-Length: 2\r\n\r\n{}", 405),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_and_stores_nothing(
    wiring: FakeWiring, port: int, request_: bytes, status: int
) -> None:
    answered, said = await answer(port, [request_])
    assert answered == status
    assert b"Traceback" not in said
    assert not wiring.entered.is_set()
    good = SIGNED + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    assert (await answer(port, [good]))[0] == 200, "and the server lives"


async def test_a_body_in_chunks_is_a_body(wiring: FakeWiring, port: int) -> None:
    assert (await answer(port, [SIGNED + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED]))[0] == 200
    assert len(wiring.stored) == 1


def fifty_megabytes(how: str) -> Iterator[bytes]:
    if how == "with its length":
        yield SIGNED + b"Content-Length: 52428800\r\n\r\n"
        yield from (MEGABYTE for _ in range(50))
        return
    yield SIGNED + b"Transfer-Encoding: chunked\r\n\r\n"
    if how == "in one chunk":
        yield b"3200000\r\n"
        yield from (MEGABYTE for _ in range(50))
        return
    yield from (b"100000\r\n" + MEGABYTE + b"\r\n" for _ in range(50))
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("how", ["with its length", "in one chunk", "in many chunks"])
async def test_fifty_megabytes_are_not_read_to_the_end(wiring: FakeWiring, port: int, how: str) -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for part in fifty_megabytes(how):
            taken += len(part)
            yield part

    status, _ = await answer(port, counted())
    assert status in {0, 413}
    assert taken < 10 * LARGEST
    assert not wiring.entered.is_set()


async def test_odd_json_that_is_signed_is_never_a_5xx(wiring: FakeWiring, port: int) -> None:
    whole = raw(webhook(entry(value(messages=[message()])))).decode()
    id_ = '"id": "wamid.HBgLMTY1MDM4Nzk0MzkA"'
    bodies = [
        whole.replace('"1749416383"', odd).encode() for odd in ("NaN", "-Infinity", "1e999", "9" * 4000, "9" * 5000)
    ]
    bodies += [
        whole.replace(id_, f'{id_}, "id": "wamid.2"').encode(), whole.replace("color", "\\ud800").encode(),
        whole.encode().replace(b"color", b"\xff\xfe"), b"[" * LARGEST, b'{"object":' * 100_000, b"\x00" * 1000,
        json.dumps({"object": "whatsapp_business_account", "entry": [[]] * 500_000}).encode(),
    ]  # fmt: skip
    async with aiohttp.ClientSession() as session:
        for body in bodies:
            headers = {"X-Hub-Signature-256": sign(SECRET, body)}
            url = f"http://127.0.0.1:{port}/webhooks/whatsapp/webhook"
            async with session.post(url, data=io.BytesIO(body), headers=headers) as answered:
                said = await answered.text()
            assert answered.status in {200, 400}, body[:100]
            assert "Traceback" not in said


@patiently(3)
@given(st.lists(st.tuples(damaged(), st.booleans()), min_size=30, max_size=30))
def test_damaged_bodies_are_never_a_5xx_and_stored_only_if_they_are_signed(told: list[tuple[object, bool]]) -> None:
    async def scenario() -> None:
        wiring = FakeWiring()
        async with serving(wiring, "the agent") as address, aiohttp.ClientSession() as session:
            for document, signed in told:
                body, before = raw(document), len(wiring.stored)
                headers = {"X-Hub-Signature-256": sign(SECRET if signed else "another", body)}
                async with session.post(address, data=io.BytesIO(body), headers=headers) as answered:
                    assert answered.status in ({200, 400} if signed else {401})
                assert len(wiring.stored) - before == (answered.status == 200)

    asyncio.run(scenario())
