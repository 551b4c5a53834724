"""The listener that turns news of a member into one message: each message is paid for.

What she is told of her own account stands in one message, in the order of `SPECS`; what is promotional and can stand
alone is a message of its own, if `may_promote` lets it. An invitation to bring friends, and how near a challenge is to
its end, ride along where she gets a message anyway: they take no place of her week, but are said only inside the
window, and only to who wants offers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from conversation.leaving.outbox import window_open
from conversation.messages.layout import WHATSAPP, Limits
from conversation.noticing.pieces import Piece, Teller
from conversation.noticing.specs import SPECS, is_said
from conversation.register import conversation_of
from conversation.saying.notices import Notice, Notices
from conversation.saying.promotions import may_promote
from conversation.saying.sentences import Sentences
from conversation.saying.wording import Voice
from conversation.saying.zones import quiet_until
from conversation.tables import Conversation
from loyalty.ids import MemberId, ProgrammeId
from loyalty.news import STALE, Happening, Kind
from loyalty.orders.birthdays import ACTIVITY
from loyalty.people.consents import gets_offers
from loyalty.programme import Language, Programme
from loyalty.tables import Member

BUTTONS = 3
"""More would be a list, which nobody opens who has not asked for anything."""
_PLACE = {kind: place for place, kind in enumerate(SPECS)}
_STOP, _INVITE = "opt_out", "get_referral_link"
_LONGEST = 230
"""Signs of a key that becomes part of the outbox's."""


class Noticing:
    """Tells members what the ledger's news says of them."""

    def __init__(
        self, programmes: Mapping[ProgrammeId, Programme], sentences: Sentences, limits: Limits = WHATSAPP
    ) -> None:
        """`programmes` are as they are in force; `limits` are the provider's."""
        self._programmes = programmes
        self._sentences = sentences
        self._notices = Notices(sentences, limits)

    def __call__(self, session: Session, happenings: Sequence[Happening], now: datetime) -> None:
        """Put what a member is to be told in the outbox, in the transaction in which it happened."""
        programme = self._programmes.get(happenings[0].programme)
        if programme is None:
            return
        said = [
            one for one in happenings
            if is_said(one) and one.at >= now - STALE and SPECS[one.kind].notice not in programme.notices.off
        ]  # fmt: skip
        member = happenings[0].member
        if not said or (conversation := conversation_of(session, member, lock=True)) is None:
            return
        row = session.get_one(Member, member)
        voice = Voice(self._sentences, cast(Language, row.language), programme)
        told = _Told(session, programme, conversation, Teller(session, voice, member, now), now)
        told.promotes(self._notices, said)
        told.tells(self._notices)


class _Told:
    """What one member is told of what happened in a transaction."""

    def __init__(
        self, session: Session, programme: Programme, conversation: Conversation, teller: Teller, now: datetime
    ) -> None:
        self._session = session
        self._programme = programme
        self._conversation = conversation
        self._teller = teller
        self._now = now
        self._member = MemberId(conversation.member_id)
        self._left: list[Happening] = []

    def promotes(self, notices: Notices, said: Sequence[Happening]) -> None:
        """Send what is promotional and stands alone, each piece by itself; what it says need not be said again."""
        self._left = list(said)
        accounts = any(not SPECS[one.kind].promotional for one in said)
        for one in said:
            spec = SPECS[one.kind]
            if not spec.promotional or (spec.rides and accounts):
                continue
            self._left.remove(one)
            piece = self._teller.say(one)
            if piece is None or not may_promote(self._session, self._programme, self._member, now=self._now).ok:
                continue
            notice = Notice(
                piece.text, (*spec.asks[: BUTTONS - 1], _STOP), _templates([piece]), can_wait=True, promotional=True
            )
            self._send(notices, notice, one)
            if one.kind is Kind.BIRTHDAY:
                self._left = [other for other in self._left if other.about.get("activity") != ACTIVITY]

    def tells(self, notices: Notices) -> None:
        """Send the rest as one message."""
        left = sorted(self._left, key=lambda one: _PLACE[one.kind])
        pieces = [piece for one in left if (piece := self._teller.say(one)) is not None]
        account = [piece for piece in pieces if not piece.spec.promotional]
        if not account:
            return
        wants_offers = self._has_room_for_offers()
        shown = [piece for piece in pieces if wants_offers or not piece.spec.promotional]
        texts, asks = [piece.text for piece in shown], _asks(shown)
        if wants_offers and self._may_invite(account):
            texts.append(self._teller.voice.say("notice.invite"))
            asks = (*[ask for ask in asks if ask != _INVITE][: BUTTONS - 1], _INVITE)
            self._conversation.prompted_at = self._now
        birthday = any(one.about.get("activity") == ACTIVITY for one in left)
        can_wait = birthday or all(piece.spec.can_wait for piece in account)
        self._send(notices, Notice("\n\n".join(texts), asks, _templates(account), can_wait=can_wait), left[0])

    def _has_room_for_offers(self) -> bool:
        """Whether what is promotional may ride along: she wants offers, and it will be sent inside the window."""
        morning = quiet_until(self._programme, self._conversation.phone, self._now)
        is_open = window_open(self._conversation, max(morning or self._now, self._now))
        return is_open and morning is None and gets_offers(self._session, self._member)

    def _may_invite(self, pieces: Sequence[Piece]) -> bool:
        """Whether an invitation to bring friends may stand under a purchase: not again within some days."""
        rules, before = self._programme.notices, self._conversation.prompted_at
        if "referral_prompt" in rules.off or not any(piece.kind is Kind.POINTS_EARNED for piece in pieces):
            return False
        referral = self._programme.referral
        if referral.referrer is None and referral.friend is None:
            return False
        return before is None or (self._now - before).days >= rules.referral_prompt_days

    def _send(self, notices: Notices, notice: Notice, first: Happening) -> None:
        cause = first.key if len(first.key) <= _LONGEST else first.id
        self._session.flush()
        notices.send(self._session, self._programme, self._conversation, notice, cause=cause, now=self._now)


def _asks(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The questions of all pieces, those of the heaviest first, as many as there is room for."""
    heavy = sorted(pieces, key=lambda piece: -piece.spec.weight)
    firsts = [piece.spec.asks[0] for piece in heavy]
    rest = [ask for piece in heavy for ask in piece.spec.asks[1:]]
    return tuple(dict.fromkeys([*firsts, *rest]))[:BUTTONS]


def _templates(pieces: Sequence[Piece]) -> tuple[tuple[str, Mapping[str, object]], ...]:
    """Which templates say something of it outside the window, the heaviest first."""
    heavy = sorted(pieces, key=lambda piece: -piece.spec.weight)
    return tuple((piece.template, piece.values) for piece in heavy if piece.template is not None)
