"""The erasure flow at work."""

from collections.abc import Mapping

from conversation.caring import handovers, rights
from conversation.flowing.part import At, Part
from flows.erasure import Erase, Erasure, ErasureFacts
from flows.model import Effect, Event, Saved
from loyalty.books.overview import points_of
from loyalty.rewards.vouchers import open_ones
from loyalty.rights import erasure


class Forgetting(Part[ErasureFacts]):
    """Erasing herself. The turn sends the farewell: see `conversation.leaving.farewells`."""

    flow = Erasure()
    intent = "delete_my_data"

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> ErasureFacts:
        available = points_of(at.session, at.member_id).available
        vouchers = len(open_ones(at.session, at.member_id, at.now))
        return ErasureFacts(at.programme.name, available, vouchers, at.member.joined_at is not None)

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, Erase)
        rights.erase(at.session, at.programme, at.member_id, at.now)
        erasure.erase(at.session, at.programme, at.member_id, at.now)
        handovers.calm(at.session, at.programme.id, at.now)
        return Event("erased")
