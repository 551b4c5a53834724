"""The enrolment flow at work."""

from collections.abc import Mapping
from dataclasses import replace

from conversation.flowing.keeping import keep
from conversation.flowing.part import At, Closed, Part
from flows.enrolment import Enrolment, EnrolmentFacts, Join, Keep
from flows.model import Effect, Event, Phrase, Saved
from loyalty.books.overview import points_of
from loyalty.orders.birthdays import ACTIVITY
from loyalty.people import members
from loyalty.people.consents import MARKETING, consents_of, record_consent
from loyalty.programme import Language, Programme

PURPOSE = "programme"
"""The purpose under which the consent to the programme itself is kept."""
USUAL = "usual"
"""The name of the wording where a programme has none of its own."""
QUESTIONS = 2
"""How many questions there are after joining, at most."""


class Enrolling(Part[EnrolmentFacts]):
    """Joining, with consent."""

    flow = Enrolment()
    intent = "join_program"

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is None:
            return None
        available = points_of(at.session, at.member_id).available
        asks = ("list_rewards", "how_to_earn", "get_referral_link")
        return Closed(Phrase("join.already", {"available": available}), asks)

    def arguments(self, at: At, args: Mapping[str, str]) -> Mapping[str, str]:
        """Who asks to join in her own words agrees, unless the programme has a wording she has not seen."""
        if at.programme.consent is None and "first" not in args:
            return {"agreed": USUAL}
        return args

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> EnrolmentFacts:
        decided = bool(consents_of(at.session, at.member_id, purpose=MARKETING))
        return replace(
            offer(at.programme, at.language), questions=_questions(at, decided), name=at.member.name or "",
            offers=decided or at.member.marketing_opt_in,
        )  # fmt: skip

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        match effect:
            case Join():
                return self._join(at)
            case Keep(what, text):
                return keep(at, what, text)
            case _:
                return super().perform(at, saved, effect)

    def _join(self, at: At) -> Event:
        before = points_of(at.session, at.member_id).available
        if members.join(at.session, at.programme, at.member, now=at.now):
            said = f"{at.words.strip()} [{version(at.programme)}]".strip()
            record_consent(
                at.session, at.member, purpose=PURPOSE, given=True, words=said, evidence=at.message_id, now=at.now
            )
        return Event("joined", {"bonus": points_of(at.session, at.member_id).available - before})


def version(programme: Programme) -> str:
    """The name of the wording that who joins agrees to."""
    return programme.consent.version if programme.consent is not None else USUAL


def terms(programme: Programme, language: Language) -> tuple[Phrase | str, ...]:
    """What joining means, in words."""
    if programme.consent is None:
        return (Phrase("welcome.terms"),)
    text = programme.consent.text[language]
    return (f"{text}\n{programme.consent.link}" if programme.consent.link else text,)


def offer(programme: Programme, language: Language) -> EnrolmentFacts:
    """What a programme gives to everybody who joins, and asks for."""
    cheapest = min((one for one in programme.rewards if not one.gift_only), key=lambda one: one.points, default=None)
    return EnrolmentFacts(
        programme.name, programme.earning.joining, (cheapest or programme.rewards[0]).name[language],
        version(programme), terms(programme, language),
    )  # fmt: skip


def _questions(at: At, decided: bool) -> tuple[str, ...]:
    """Only what is of use to her: her birthday if it brings something, her name if it is not known otherwise."""
    celebrated = ACTIVITY in at.programme.earning.activities
    asked = []
    if not at.member.name or not celebrated:
        asked.append("name")
    if celebrated and at.member.birthday is None:
        asked.append("birthday")
    if not decided:
        asked.append("offers")
    return tuple(asked[:QUESTIONS])
