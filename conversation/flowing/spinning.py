"""The wheel at work."""

from collections.abc import Mapping

from conversation.flowing.part import At, Closed, Part
from conversation.flowing.prizes import prize
from conversation.saying.sentences import Sentences
from conversation.saying.wording import Voice
from flows.model import Effect, Event, Phrase, Saved, Value
from flows.wheel import Draw, Offer, SpinFact, Wheel, WheelFacts
from loyalty.books.overview import points_of
from loyalty.errors import Refused
from loyalty.games import wheel
from loyalty.games.draw import NONCE_SIGNS
from loyalty.games.wheel import Drawn, Odds, Offered
from loyalty.ids import SpinId
from loyalty.rules.games import Wheel as Rules
from loyalty.rules.parts import period_end

_OWN = 32
"""So many signs of the message's id are her part of the draw where she only tapped."""


class Spinning(Part[WheelFacts]):
    """Spinning the wheel."""

    flow = Wheel()
    intent = "spin_wheel"

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is not None:
            return None
        return Closed(Phrase("wheel.guest", {"programme": at.programme.name}), ("join_program", "how_to_earn"))

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> WheelFacts:
        rules = at.programme.games.wheel
        if rules is None or saved is None or saved.state == "drawing":
            return WheelFacts()
        offered = wheel.standing(at.session, at.programme, at.member_id, now=at.now)
        if offered is None or (saved.state == "offered" and saved.data.get("spin") != offered.spin):
            return WheelFacts()
        return WheelFacts(self._fact(at, rules, offered))

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        try:
            match effect:
                case Offer():
                    key = f"chat:{saved.run}:{saved.step}"
                    offered = wheel.offer(at.session, at.programme, at.member, key=key, now=at.now)
                    return Event("show", {"spin": offered.spin})
                case Draw(spin, word):
                    nonce = _nonce(word) or at.message_id[-_OWN:] or saved.run
                    return self._stopped(
                        at, wheel.draw(at.session, at.programme, SpinId(spin), nonce=nonce, now=at.now)
                    )
        except Refused as refusal:
            return _refused(at, refusal)
        return super().perform(at, saved, effect)

    def _fact(self, at: At, rules: Rules, offered: Offered) -> SpinFact:
        voice = Voice(self._sentences, at.language, at.programme)
        odds = "\n".join(_line(voice, rules, one) for one in offered.odds)
        return SpinFact(offered.spin, rules.name[at.language], odds, offered.price, offered.commitment)

    def _stopped(self, at: At, drawn: Drawn) -> Event:
        given = drawn.given is not drawn.drawn and drawn.given.id != drawn.drawn.id
        won: dict[str, Value] = {
            "name": drawn.drawn.name[at.language], "instead": drawn.given.name[at.language] if given else "",
            "points": drawn.points, "available": points_of(at.session, at.member_id).available,
            "seed": drawn.seed or "", "again": _again(at), **prize(at, drawn.code),
        }  # fmt: skip
        return Event("stop", won)


def _line(voice: Voice, rules: Rules, odds: Odds) -> str:
    """A prize with its chance, or without chance with how often in a row it comes; and what is left of it."""
    chance = odds.chance
    share: dict[str, int] = {"share": chance.numerator, "of": chance.denominator}
    if not rules.chance:
        share = {"times": odds.weight}
    name = odds.prize.name[voice.language]
    said = voice.say("wheel.field" if rules.chance else "wheel.field_order", name=name, **share)
    if odds.left is None or odds.instead is None:
        return said
    return voice.say("wheel.field_left", field=said, left=odds.left, instead=odds.instead.name[voice.language])


def _again(at: At) -> str:
    """`now`, or the day on which there are spins again; empty if there are none any more."""
    rules = at.programme.games.wheel
    if rules is None:
        return ""
    if wheel.left(at.session, at.programme, at.member_id, now=at.now):
        return "now"
    return _next_day(at, rules)


def _next_day(at: At, rules: Rules) -> str:
    end = period_end(rules.spins.every, at.now, at.programme.zone)
    return end.astimezone(at.programme.zone).date().isoformat() if end is not None else ""


def _refused(at: At, refusal: Refused) -> Event:
    rules = at.programme.games.wheel
    match refusal.reason:
        case "changed" | "over":
            return Event("changed")
        case "limit" if rules is not None and (day := _next_day(at, rules)):
            return Event("refuse", {"reason": "limit_until", "day": day})
        case "points":
            return Event("refuse", {"reason": "points", "missing": refusal.facts["missing"]})
        case "not_now" if (
            rules is not None and (first := rules.dates.first) and at.now.astimezone(at.programme.zone).date() < first
        ):
            return Event("refuse", {"reason": "not_yet", "day": first.isoformat()})
        case reason:
            return Event("refuse", {"reason": reason})


def _nonce(word: str) -> str:
    """What she typed, as far as it can be typed again."""
    printable = "".join(sign for sign in " ".join(word.split()) if sign.isprintable())
    return printable[:NONCE_SIGNS].strip()
