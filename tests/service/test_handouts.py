"""Files for customers: fetched by an address nobody can guess, for some days."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import Session

from conversation.leaving.handouts import KEPT, forget_old_files, hand_out
from loyalty.clock import FixedClock
from loyalty.ids import MemberId, ProgrammeId
from loyalty.people.members import get_member
from loyalty.qr import qr_png
from service.context import Context
from tests.service.conftest import Client


@pytest.fixture
async def address(client: Client, context: Context, clock: FixedClock) -> str:
    """Where Anna's QR code can be fetched; the client has made her a member."""

    def keep(session: Session) -> str:
        member = MemberId(get_member(session, ProgrammeId("cafe"), "phone:+393331234567").id)
        return hand_out(
            session, member, name="voucher.png", content=qr_png("K7QX-4M2P"), public_url="https://aurora.example/",
            now=clock.now(),
        )  # fmt: skip

    url = await context.store.write(keep)
    assert url.startswith("https://aurora.example/h/")
    return urlsplit(url).path


async def test_it_is_served_as_what_it_is_without_a_key(client: Client, address: str) -> None:
    async with client.get(address) as response:
        assert response.status == 200
        assert response.content_type == "image/png"
        assert (await response.read()).startswith(b"\x89PNG")
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_another_token_or_name_finds_nothing(client: Client, address: str) -> None:
    for wrong in (address[:-5] + "x.png", address.replace("/h/", "/h/x"), "/h/../voucher.png", "/h/a/b"):
        async with client.get(wrong) as response:
            assert response.status == 404


async def test_after_some_days_it_is_gone(client: Client, context: Context, clock: FixedClock, address: str) -> None:
    clock.forward(KEPT - timedelta(seconds=1))
    async with client.get(address) as response:
        assert response.status == 200
    clock.forward(timedelta(seconds=1))
    async with client.get(address) as response:
        assert response.status == 404
    await context.store.write(lambda session: forget_old_files(session, now=clock.now()))
