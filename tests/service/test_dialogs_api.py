"""Answers to written dialogs over `/v1`."""

from loyalty.clock import FixedClock
from loyalty.games.dialogs import find_dialog, take
from loyalty.ids import ProgrammeId
from loyalty.people.members import get_member
from loyalty.programme import Programme
from service.context import Context
from tests.service.api import Api
from tests.service.conftest import ANNA, Client


async def test_answers_are_listed_by_page(client: Client, context: Context, cafe: Programme, clock: FixedClock) -> None:
    dialog = find_dialog(cafe, "taste")
    assert dialog is not None
    await context.store.write(
        lambda session: take(
            session,
            cafe,
            get_member(session, ProgrammeId("cafe"), f"phone:{ANNA}"),
            dialog,
            {"favourite": "tea"},
            key="chat:1",
            now=clock.now(),
        )
    )
    api = Api(client)
    page = await api.seen("/v1/dialogs/taste/answers")
    assert [row["answers"] for row in page["answers"]] == [{"favourite": "tea"}]
    assert page["next"] is None
    assert (await api.get("/v1/dialogs/chess/answers"))[0] == 404
    assert (await api.get("/v1/dialogs/taste/answers?limit=0"))[0] == 422
