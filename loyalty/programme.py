"""What a programme says: the model behind `programmes/*.yml`. Pure data and the rules that follow from it."""

from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from dateutil.relativedelta import relativedelta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from loyalty.ids import ProgrammeId, RewardId

Language = Literal["en", "it", "es", "fr", "ar"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_ROUNDING = {"down": ROUND_DOWN, "half_up": ROUND_HALF_UP, "up": ROUND_UP}


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone; use a name such as Europe/Rome")
    return name


def _currency(code: str) -> str:
    if code not in get_global("all_currencies"):
        raise ValueError("is no ISO 4217 currency; use a code such as EUR")
    return code


def _complete(texts: dict[Language, str]) -> dict[Language, str]:
    if missing := [language for language in LANGUAGES if not texts.get(language, "").strip()]:
        raise ValueError(f"has no text in {', '.join(missing)}")
    return texts


Texts = Annotated[dict[Language, str], AfterValidator(_complete)]
"""A sentence or name in every language of the bot."""

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Points = Annotated[int, Field(ge=0, le=10**9)]
VOUCHER_DAYS = 30


def end_of_day(moment: datetime) -> datetime:
    """The midnight at which the day of a moment ends, in the moment's own zone."""
    following = moment.date() + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=moment.tzinfo)


def last_day(expires_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which something can be used that expires at a midnight: the day people are told."""
    return (expires_at - timedelta(microseconds=1)).astimezone(zone).date()


class Part(BaseModel):
    """A part of a programme file: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PurchaseRule(Part):
    """So many points for every `per` of an order; what is not a whole point is rounded."""

    points: Points = 1
    per: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    minimum: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    """Orders worth less earn nothing."""
    rounding: Literal["down", "half_up", "up"] = "down"
    pending_days: Annotated[int, Field(ge=0, le=365)] = 0
    """How long the points wait until the order can no longer be returned."""

    def worth(self, amount: Decimal) -> int:
        """Points for an order of `amount` in the programme's currency."""
        if amount < self.minimum:
            return 0
        return int((amount * self.points / self.per).to_integral_value(_ROUNDING[self.rounding]))


class ActivityRule(Part):
    """Points for something other than buying; each `id` of an activity counts once."""

    points: Points
    name: Texts


class Earning(Part):
    """How points are earned and how long they live."""

    purchase: PurchaseRule = PurchaseRule()
    joining: Points = 0
    activities: dict[Slug, ActivityRule] = {}
    expire_months: Annotated[int, Field(ge=1, le=120)] | None = None

    def expires_at(self, from_: datetime, zone: ZoneInfo) -> datetime | None:
        """When points that become available at `from_` expire: the end of that day, months later.

        31 January plus one month is the last of February, in the programme's time zone.
        """
        if self.expire_months is None:
            return None
        return end_of_day(from_.astimezone(zone) + relativedelta(months=self.expire_months))


class Reward(Part):
    """Something a member can have for points."""

    id: Annotated[RewardId, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    points: Annotated[int, Field(gt=0, le=10**9)]
    name: Texts
    detail: Texts | None = None
    voucher_days: Annotated[int, Field(ge=1, le=3650)] = VOUCHER_DAYS


def _distinct(rewards: tuple[Reward, ...]) -> tuple[Reward, ...]:
    ids = [reward.id for reward in rewards]
    if doubled := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise ValueError(f"the id {sorted(doubled)[0]} is used twice")
    return rewards


class ReferralRule(Part):
    """What the referral programme promises; shown to members as it stands."""

    terms: Texts


class WhatsAppNumber(Part):
    """The number members write to."""

    phone: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
    phone_number_id: Annotated[str, Field(pattern=r"^[0-9]{5,32}$")] | None = None
    """Meta's id of that number; without it the one of `WHATSAPP_PHONE_NUMBER_ID`."""


class Programme(Part):
    """A whole programme file."""

    id: Annotated[ProgrammeId, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    name: str = Field(min_length=1, max_length=60)
    currency: Annotated[str, AfterValidator(_currency)]
    timezone: Annotated[str, AfterValidator(_zone)]
    language: Language
    """The language of a member who has not been heard yet."""
    whatsapp: WhatsAppNumber
    contact: Texts
    """How to reach a person of the business, as part of a sentence: "at the bar or at ciao@…"."""
    earning: Earning
    rewards: Annotated[tuple[Reward, ...], Field(min_length=1), AfterValidator(_distinct)]
    referral: ReferralRule

    @property
    def zone(self) -> ZoneInfo:
        """The programme's time zone."""
        return ZoneInfo(self.timezone)

    def reward(self, id_: str) -> Reward | None:
        """The reward with this id, if the programme has it."""
        return next((reward for reward in self.rewards if reward.id == id_), None)

    def next_reward(self, points: int) -> Reward | None:
        """The cheapest reward that `points` do not reach yet."""
        out_of_reach = [reward for reward in self.rewards if reward.points > points]
        return min(out_of_reach, key=lambda reward: reward.points, default=None)
