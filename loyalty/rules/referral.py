"""How bringing friends is rewarded, and what is looked at before it is."""

import string
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from loyalty.rules.parts import Amount, Count, Gift, Language, Part, Texts

Reaction = Literal["ignore", "hold", "reject"]
"""What a finding means: nothing, wait for a person's decision, or no reward."""
Verdict = Literal["accept", "hold", "reject"]
"""What was made of a referral, by the checks or by a person."""

_GAPS = frozenset({"programme", "link", "code"})
_MESSAGE: dict[Language, str] = {
    "en": "I collect rewards at {programme}. Come along with my link: {link}",
    "it": "Io raccolgo premi da {programme}. Vieni anche tu con il mio link: {link}",
    "es": "Yo junto premios en {programme}. Ven tú también con mi enlace: {link}",
    "fr": "Je cumule des récompenses chez {programme}. Venez aussi avec mon lien : {link}",
    "ar": "أجمع المكافآت لدى {programme}. رابط الدعوة الخاص بي: {link}",
}


def _fillable(texts: dict[Language, str]) -> dict[Language, str]:
    for language, text in texts.items():
        gaps = frozenset(_gaps(text))
        if unknown := sorted(gaps - _GAPS):
            raise ValueError(f"has the gap {{{unknown[0]}}} in {language}; use {{link}}, {{code}}, {{programme}}")
        if not gaps & {"link", "code"}:
            raise ValueError(f"has neither {{link}} nor {{code}} in {language}, so nobody could come by it")
    return texts


def _gaps(text: str) -> Iterator[str]:
    try:
        for _, gap, form, conversion in string.Formatter().parse(text):
            if gap is not None:
                yield gap + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
    except ValueError:
        raise ValueError("has a brace that belongs to no gap; a brace itself is written {{ or }}") from None


class Checks(Part):
    """What is looked at before a referral is rewarded. A family behind one address is held, not refused.

    Whoever was a customer before, or brings herself, is always refused.
    """

    circle: Reaction = "reject"
    """A friend by whom, over others, her own referrer came: the code that closes such a ring does not count."""
    shared_payment: Reaction = "hold"
    """The same means of payment as the referrer, or as a friend he brought before. So with the others."""
    shared_device: Reaction = "hold"
    """The same device."""
    shared_address: Reaction = "hold"
    """The same address."""
    shared_email: Reaction = "reject"
    """The same e-mail address."""
    a_day: Count = 10
    """More friends of one member in 24 hours are held."""
    an_hour: Count = 5
    """More friends of one member in an hour are held."""


class ReferralRule(Part):
    """What both sides get, when, and on what conditions."""

    terms: Texts
    """The conditions as members read them."""
    message: Annotated[Texts, AfterValidator(_fillable)] = _MESSAGE
    """What a member passes on to a friend; `{link}`, `{code}` and `{programme}` are filled in."""
    on: Literal["registration", "order"] = "order"
    """What the friend must do: join, or order something."""
    order: Count = 1
    """Which of the friend's orders counts, among those that come to the minimum and were not wholly given back."""
    minimum: Amount = Decimal(0)
    """What such an order must come to."""
    window_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long after the code was entered that order (or joining) counts; and how long after joining a code can be
    entered at all."""
    referrer: Gift | None = None
    """What the member gets who brought a friend."""
    friend: Gift | None = None
    """What the friend gets."""
    pending_days: Annotated[int, Field(ge=0, le=365)] | None = None
    """How long rewards wait after that order or joining; unless set, as long as the order's points (joining: not)."""
    a_month: Count | None = None
    """How many friends a member is rewarded for in a calendar month, by when they qualified. Their own gifts stay."""
    checks: Checks = Checks()
    review_days: Annotated[int, Field(ge=1, le=365)] = 14
    """When a held referral is due for a decision. Without one it stays held."""
