"""How points are earned: by buying, by doing, with bonuses and caps; and how long they live."""

from datetime import datetime, time
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from pydantic import AfterValidator, Field, model_validator

from loyalty.rules.parts import (
    WEEKDAYS,
    Amount,
    ClockTime,
    Count,
    Dates,
    Day,
    Factor,
    Part,
    Points,
    Slug,
    SortedSet,
    Texts,
    distinct,
    end_of_day,
)

_ROUNDING = {"down": ROUND_DOWN, "half_up": ROUND_HALF_UP, "up": ROUND_UP}
Named = Annotated[str, Field(min_length=1, max_length=200)]


class Goods(Part):
    """Products and categories, by the names the till uses."""

    products: SortedSet[Named] = frozenset()
    """Products, as the till names them."""
    categories: SortedSet[Named] = frozenset()
    """Categories, as the till names them."""

    def has(self, product: str, category: str | None) -> bool:
        """Whether a line of an order is meant."""
        return product in self.products or category in self.categories


class PurchaseRule(Part):
    """So many points for every `per` of an order, and so many for each order; what is not whole is rounded once."""

    points: Points = 1
    """Points for every `per` of what was paid."""
    per: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] = Decimal(1)
    """How much money brings `points`."""
    each: Points = 0
    """Points for the order as such: a visit."""
    minimum: Amount = Decimal(0)
    """Orders worth less earn nothing."""
    rounding: Literal["down", "half_up", "up"] = "down"
    """What becomes of part of a point."""
    excluded: Goods = Goods()
    """What earns nothing, such as gift cards."""
    pending_days: Annotated[int, Field(ge=0, le=365)] = 0
    """How long the points wait until the order can no longer be returned."""

    def round(self, exact: Decimal) -> int:
        """Whole points."""
        return int(exact.to_integral_value(_ROUNDING[self.rounding]))


class Condition(Part):
    """When a bonus counts; everything that is said must hold."""

    dates: Dates = Dates()
    """From which day until which."""
    days: SortedSet[Day] = frozenset()
    """On these days of the week."""
    hours: tuple[ClockTime, ClockTime] | None = None
    """From the first to before the second; past midnight if the second is earlier."""
    goods: Goods = Goods()
    """With goods, a factor counts for their share of the order only."""
    tiers: SortedSet[Slug] = frozenset()
    """For members of these levels."""
    minimum: Amount = Decimal(0)
    """For orders that come to at least this."""
    order: Count | None = None
    """The first (1), second … order that was not wholly refunded."""
    every: Annotated[int, Field(ge=2, le=10**6)] | None = None
    """Every so-manyth order."""

    def holds_at(self, moment: datetime) -> bool:
        """Whether the time fits; `moment` is in the programme's zone."""
        if not self.dates.holds(moment.date()):
            return False
        if self.days and WEEKDAYS[moment.weekday()] not in self.days:
            return False
        if self.hours is None:
            return True
        begin, end = (time.fromisoformat(text) for text in self.hours)
        now = moment.time().replace(tzinfo=None)
        return begin <= now < end if begin < end else now >= begin or now < end


class Bonus(Part):
    """More points than usual, under conditions: a factor on the usual points, points on top, or both."""

    id: Slug
    name: Texts
    when: Condition = Condition()
    factor: Factor = Decimal(1)
    """So many times the usual points."""
    points: Points = 0
    """Points on top of the usual ones."""
    per_item: bool = False
    """The points on top count for each item of `when.goods`, not once for the order."""

    @model_validator(mode="after")
    def _more(self) -> Self:
        if self.factor == 1 and not self.points:
            raise ValueError("gives nothing: set factor or points")
        if self.per_item and self.when.goods == Goods():
            raise ValueError("per_item needs when.goods: which products or categories?")
        return self


class ActivityRule(Part):
    """Points for something other than buying; each `id` of an activity counts once."""

    points: Points
    """For doing it once."""
    name: Texts
    a_day: Count | None = None
    """How often a day it earns points, at most."""
    a_month: Count | None = None
    """How often a calendar month, at most."""
    ever: Count | None = None
    """How often in a life, at most."""


class Caps(Part):
    """At most so many points by buying and doing, counted by the time of what earned them."""

    order: Points | None = None
    """For one order."""
    day: Points | None = None
    """In a day."""
    month: Points | None = None
    """In a calendar month."""


class Earning(Part):
    """How points are earned and how long they live."""

    purchase: PurchaseRule = PurchaseRule()
    bonuses: Annotated[tuple[Bonus, ...], AfterValidator(distinct)] = ()
    caps: Caps = Caps()
    joining: Points = 0
    """Points for becoming a member."""
    activities: dict[Slug, ActivityRule] = Field(default_factory=dict)
    """What earns points besides buying, by the name that is reported: `review`, `class_attended` …"""
    expire_months: Annotated[int, Field(ge=1, le=120)] | None = None
    """How many months points live once they can be spent; for ever unless set."""
    extend_on_activity: bool = False
    """Every purchase or activity gives all of a member's points their full life again."""

    def expires_at(self, from_: datetime, zone: ZoneInfo) -> datetime | None:
        """When points that become available at `from_` expire: the end of that day, months later.

        31 January plus one month is the last of February, in the programme's time zone.
        """
        if self.expire_months is None:
            return None
        return end_of_day(from_.astimezone(zone) + relativedelta(months=self.expire_months))
