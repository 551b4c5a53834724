"""Points that are missing: when, where and how much it was, a picture of the receipt; a person decides.

Each question can be passed over, and a picture sent at any of them is taken as the last one.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar

import regex
from statemachine import State

from flows.flow import SURE, Flow, Machine, Takes
from flows.model import Ask, Effect, Event, Heard, Option, Phrase, Saved, Say, Step

WORDS = frozenset({"when", "where", "amount"})
"""The questions that are answered in words; they are the names of the states as well."""
LARGEST = Decimal(1_000_000)
LONGEST = 200
"""So much is kept of an answer."""
_SIGNS = {"\u066b": ".", "\u066c": "", "\u00a0": " ", "\u202f": " "}
"""Signs inside numbers, as one kind: Arabic separators, and blanks that do not break."""
_NUMBER = regex.compile(r"\d+(?:[.,]\d+|['’ ]\d{3}(?!\d))*")
_CENTS = regex.compile(r"[.,]\d{1,2}$")
_PICTURES: Mapping[str, str] = {"image": "picture", "document": "picture"}
_ANSWER = Takes({"cancel": "cancel"}, text="tell", attachments=_PICTURES)


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """What the flow knows of the world at the moment of a step."""

    today: date
    name: str | None = None
    """What she is called."""
    waiting: int = 0
    """How many claims of hers are not answered yet."""
    contact: str = ""
    """How a person is reached; completes "You reach a person …"."""


@dataclass(frozen=True, slots=True)
class File(Effect):
    """Put the claim in the queue, once for this run. Its outcome comes back as `taken` or `refuse`."""

    when: str | None
    where: str | None
    amount: Decimal | None
    media: str | None
    """The channel's id of the picture."""


class ClaimMachine(Machine):
    """The states and what leads from one to the next."""

    when = State(initial=True)
    where = State()
    amount = State()
    photo = State()
    filing = State()
    filed = State(final=True)
    empty = State(final=True)
    refused = State(final=True)
    cancelled = State(final=True)

    tell = when.to(where) | where.to(amount) | amount.to(photo, cond="is_money") | amount.to(amount)
    skip = when.to(where) | where.to(amount) | amount.to(photo) | photo.to(filing, cond="has_amount") | photo.to(empty)
    picture = when.to(filing) | where.to(filing) | amount.to(filing) | photo.to(filing)
    back = where.to(when) | amount.to(where) | photo.to(amount)
    cancel = when.to(cancelled) | where.to(cancelled) | amount.to(cancelled) | photo.to(cancelled)
    take = filing.to(filed)
    refuse = filing.to(refused)

    def is_money(self, text: str = "") -> bool:
        return read_amount(text) is not None

    def has_amount(self) -> bool:
        return "amount" in self.data


class MissingPoints(Flow[ClaimFacts]):
    """The flow."""

    name = "claim"
    machine = ClaimMachine
    takes: ClassVar[Mapping[str, Takes]] = {
        "when": _ANSWER,
        "where": _ANSWER,
        "amount": replace(_ANSWER, numbers=True),
        "photo": Takes({"cancel": "cancel", "deny": "skip"}, attachments=_PICTURES),
    }

    def on(self, saved: Saved, event: Event, facts: ClaimFacts) -> Step:
        """As any flow; what is told is remembered under the name of the question it answers."""
        if event.name in {"tell", "skip"} and saved.state in WORDS:
            told = _answer(saved.state, str(event.args.get("text", ""))) if event.name == "tell" else None
            others = {name: value for name, value in saved.data.items() if name != saved.state}
            saved = replace(saved, data={**others, saved.state: told} if told else others)
            event = replace(event, args={**event.args, "asked": saved.state})
        return super().on(saved, event, facts)

    def arrive(self, at: Saved, event: Event, facts: ClaimFacts) -> Step:
        contact = {"contact": facts.contact}
        match at.state:
            case "filing":
                return Step(at, effect=_claim(at, event))
            case "filed":
                key = "claim.filed_named" if facts.name else "claim.filed"
                return Step(None, Say((Phrase(key, {"name": facts.name or ""}),), (_ask("check_points"),)))
            case "refused":
                why = Phrase(f"claim.refused.{event.args['reason']}", contact)
                return Step(None, Say((why,), (_ask("points_history"), _ask("talk_to_human"))))
            case "empty":
                return Step(
                    None, Say((Phrase("claim.empty", contact),), (_ask("missing_points"), _ask("check_points")))
                )
            case "cancelled":
                return Step(None, Say((Phrase("claim.cancelled"),), (_ask("points_history"), _ask("check_points"))))
            case _:
                return Step(at, _question(at, event, facts))

    def whereabouts(self, at: Saved, facts: ClaimFacts) -> Phrase | None:
        return Phrase("claim.whereabouts") if at.state in self.takes else None

    def hear(self, at: Saved, heard: Heard) -> Event | None:
        """An amount is an answer whatever else it sounds like; so is a sentence about points that are missing.

        A word that may or may not mean "stop" is no reason to throw away what was told.
        """
        amount = at.state == "amount" and read_amount(heard.text) is not None
        unsure = heard.intent == "cancel" and heard.confidence < SURE
        if amount or (at.state in WORDS and (unsure or heard.intent == "missing_points")):
            return Event("tell", {"text": heard.text})
        return super().hear(at, heard)


def read_amount(text: str) -> Decimal | None:
    """The amount of money in a text, however it is written; None if there is none, or more than one it could be.

    Three digits after a single comma or point are thousands: 1.234 is more than a thousand.
    """
    plain = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else _SIGNS.get(sign, sign) for sign in text)
    found = {_number(match) for match in _NUMBER.findall(plain)}
    cents = {_number(match) for match in _NUMBER.findall(plain) if _CENTS.search(match)}
    amounts = [one for one in (cents or found) if 0 < one <= LARGEST]
    return amounts[0] if len(amounts) == 1 else None


def _number(written: str) -> Decimal:
    whole, cents = written, ""
    if (end := _CENTS.search(written)) is not None:
        whole, cents = written[: end.start()], written[end.start() + 1 :]
    digits = "".join(sign for sign in whole if sign.isdecimal())
    return Decimal(f"{digits[:16]}.{cents or 0}").normalize() + Decimal(0)


def _answer(asked: str, text: str) -> str | None:
    """An answer as it is kept."""
    if asked != "amount":
        return " ".join(text.split())[:LONGEST] or None
    amount = read_amount(text)
    return f"{amount:f}" if amount is not None else None


def _claim(at: Saved, event: Event) -> File:
    when, where, amount = (str(at.data[name]) if name in at.data else None for name in ("when", "where", "amount"))
    media = str(event.args["media"]) if event.name == "picture" else None
    return File(when, where, Decimal(amount) if amount is not None else None, media)


def _question(at: Saved, event: Event, facts: ClaimFacts) -> Say:
    """What a state asks, with what can be answered by a tap."""
    skip, back = Option(Event("skip"), Phrase("button.skip")), Option(Event("back"), Phrase("button.previous"))
    cancel = Option(Event("cancel"), Phrase("button.cancel"))
    match at.state:
        case "when":
            waiting = (Phrase("claim.waiting", {"n": facts.waiting}),) if facts.waiting else ()
            return Say(
                (*waiting, Phrase("claim.when")), (_day("today", facts.today), _day("yesterday", facts.today), skip)
            )
        case "where":
            return Say((Phrase("claim.where"),), (skip, back, cancel))
        case "amount":
            unclear = event.name == "tell" and event.args.get("asked") == "amount"
            return Say((Phrase("claim.amount_unclear" if unclear else "claim.amount"),), (skip, back, cancel))
        case _:
            none = Option(Event("skip"), Phrase("button.no_receipt"))
            return Say((Phrase("claim.photo"),), (none, back, cancel))


def _day(name: str, today: date) -> Option:
    day = today if name == "today" else today - timedelta(days=1)
    return Option(Event("tell", {"text": day.isoformat()}), Phrase(f"button.{name}"))


def _ask(intent: str) -> Option:
    return Option(Ask(intent), Phrase(f"button.{intent}"))
