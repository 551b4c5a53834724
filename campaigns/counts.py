"""What a plan counts: people by variant, language and country, what they cost, and who was left out, and why."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from conversation.leaving.costs import Price

NO_RATE = "unknown"


@dataclass(slots=True)
class Tally:
    """The figures of a plan."""

    audience: int = 0
    """Members whom the audience fits, those included who are left out."""
    recipients: int = 0
    """Members who are in it, the control group included."""
    arms: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    """Those who get a message, by country."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Why members are left out."""
    capped_now: int = 0
    """Recipients who had as many promotional messages as a week may have; it is looked at again at their turn."""
    unpriced: int = 0
    """Recipients for whose messages the rate card has no rate."""
    costs: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """By country and currency."""

    def seen(self) -> None:
        """One more whom the audience fits."""
        self.audience += 1

    def leave_out(self, why: str) -> None:
        """She is not in it."""
        self.excluded[why] += 1

    def take(
        self, arm: str, language: str, phone: str | None, user_id: str | None, price: Price | None, *, capped: bool
    ) -> None:
        """She is in it, in a variant (or the control group, which costs nothing)."""
        self.recipients += 1
        self.arms[arm] += 1
        self.capped_now += capped
        if arm == "control":
            return
        country = country_of(phone, user_id)
        self.languages[language] += 1
        self.countries[country] += 1
        if price is None:
            self.unpriced += 1
            return
        costs = self.costs.setdefault(country, {})
        costs[price.currency] = costs.get(price.currency, Decimal(0)) + price.amount

    def plus(self, more: "Tally") -> "Tally":
        """Both together."""
        costs = {country: dict(amounts) for country, amounts in self.costs.items()}
        for country, amounts in more.costs.items():
            mine = costs.setdefault(country, {})
            for currency, amount in amounts.items():
                mine[currency] = mine.get(currency, Decimal(0)) + amount
        return Tally(
            self.audience + more.audience, self.recipients + more.recipients, self.arms + more.arms,
            self.languages + more.languages, self.countries + more.countries, self.excluded + more.excluded,
            self.capped_now + more.capped_now, self.unpriced + more.unpriced, costs,
        )  # fmt: skip

    @property
    def total(self) -> dict[str, Decimal]:
        """What all of it is expected to cost, by currency."""
        found: dict[str, Decimal] = {}
        for amounts in self.costs.values():
            for currency, amount in amounts.items():
                found[currency] = found.get(currency, Decimal(0)) + amount
        return found

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        return {
            "audience": self.audience, "recipients": self.recipients, "arms": dict(sorted(self.arms.items())),
            "languages": dict(sorted(self.languages.items())), "countries": dict(sorted(self.countries.items())),
            "excluded": dict(sorted(self.excluded.items())), "capped_now": self.capped_now, "unpriced": self.unpriced,
            "costs": {
                country: {currency: str(amount) for currency, amount in amounts.items()}
                for country, amounts in sorted(self.costs.items())
            },
        }  # fmt: skip

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Tally":
        """The reverse of `to_json`."""
        costs = {
            country: {currency: Decimal(amount) for currency, amount in amounts.items()}
            for country, amounts in row["costs"].items()
        }
        return cls(
            row["audience"], row["recipients"], Counter(row["arms"]), Counter(row["languages"]),
            Counter(row["countries"]), Counter(row["excluded"]), row["capped_now"], row["unpriced"], costs,
        )  # fmt: skip


def country_of(phone: str | None, user_id: str | None) -> str:
    """The country a message goes to, by the beginning of the number (`+39 IT`) or of the user id (`IT`)."""
    if phone is None:
        country = (user_id or "").partition(".")[0].upper()
        return country if len(country) == 2 else "??"
    digits = phone.lstrip("+")
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length])) if digits[:length].isdecimal() else None
        if regions:
            return f"+{digits[:length]} {regions[0]}"
    return "??"
