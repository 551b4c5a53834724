"""The small pieces programme files are made of: names, texts, amounts, gifts, windows of time."""

from collections.abc import Hashable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar, cast, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from loyalty.ids import RewardId

Language = Literal["en", "it", "es", "fr", "ar"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def _complete(texts: dict[Language, str], info: ValidationInfo) -> dict[Language, str]:
    """Every language of the programme has a text; one the programme does not speak gets its first language's."""
    spoken: tuple[Language, ...] = (info.context or {}).get("languages", LANGUAGES)
    if missing := [language for language in spoken if not texts.get(language, "").strip()]:
        raise ValueError(f"has no text in {', '.join(missing)}")
    return {language: texts.get(language, texts[spoken[0]]) for language in LANGUAGES}


Texts = Annotated[dict[Language, str], AfterValidator(_complete)]
"""A sentence or name in every language of the programme."""

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
RewardSlug = Annotated[RewardId, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_T = TypeVar("_T", bound=Hashable)


def _each_once(written: Any) -> Any:
    if not isinstance(written, list) or not all(isinstance(one, str) for one in written):
        return written  # something else is wrong, which is said of it
    if twice := [one for one in written if written.count(one) > 1]:
        raise ValueError(f"names {twice[0]} more than once")
    return frozenset(written)


SortedSet = Annotated[frozenset[_T], BeforeValidator(_each_once), PlainSerializer(sorted, return_type=list)]
"""A set that is always written in the same order, so that equal rules have equal revisions."""
Points = Annotated[int, Field(ge=0, le=10**9)]
Count = Annotated[int, Field(ge=1, le=10**6)]
Amount = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]
Factor = Annotated[Decimal, Field(ge=1, le=100, allow_inf_nan=False)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Day, ...] = get_args(Day)
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day such as `"15:30"`, in the programme's zone."""

Measure = Annotated[
    str, Field(pattern=r"^(points|spend|orders|referrals|quizzes|subscription_months|activity:[a-z][a-z0-9_-]{0,63})$")
]
"""What tiers, goals and leaderboards count.

`points` are those earned by buying and by activities, `spend` is what was paid and not refunded, in the programme's
currency, `orders` are those that were not wholly refunded, `referrals` are friends who qualified, `quizzes` finished
ones, `subscription_months` whole months of the running subscription, `activity:NAME` how often it was done.
"""
Period = Literal["day", "week", "month", "year", "ever"]
_INTO_THE_NEXT: dict[Period, timedelta] = {
    "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=32), "year": timedelta(days=367),
}  # fmt: skip
"""From the beginning of a period to a day of the one that follows."""
PictureAddress = Annotated[str, Field(pattern=r"^https://[^\s/]+/\S+$", max_length=2000)]
"""Where a JPEG or PNG of at most 5 MB can be fetched by everybody, such as `https://example.com/quiz/beans.jpg`."""


class Part(BaseModel):
    """A part of a programme file: unknown keys are mistakes, values never change.

    What stands under an attribute is shown to who writes a file: by editors, in docs/programmes.md.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Gift(Part):
    """What a rule gives: points, a voucher for a reward of the programme, or both."""

    points: Points = 0
    """Points that are given."""
    reward: RewardSlug | None = None
    """The id of a reward; a voucher for it is given."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.points and self.reward is None:
            raise ValueError("gives nothing: set points or reward")
        return self


class Times(Part):
    """So many times in a period, counted in the programme's zone; weeks begin on Monday."""

    count: Count = 1
    """How often."""
    every: Period = "ever"
    """In which time."""


class Dates(Part):
    """From a day to a day, both included, in the programme's zone; either may be left open."""

    first: Annotated[date | None, Field(alias="from")] = None
    """The first day, such as 2026-12-01."""
    last: Annotated[date | None, Field(alias="until")] = None
    """The last day."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.first and self.last and self.first > self.last:
            raise ValueError("ends before it begins")
        return self

    def holds(self, day: date) -> bool:
        """Whether a day lies within."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def end_of_day(moment: datetime) -> datetime:
    """The midnight at which the day of a moment ends, in the moment's own zone."""
    following = moment.date() + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=moment.tzinfo)


def last_day(expires_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which something can be used that expires at a midnight: the day people are told."""
    return (expires_at - timedelta(microseconds=1)).astimezone(zone).date()


def period_of(every: Period, moment: datetime, zone: ZoneInfo) -> str:
    """The name of the period a moment lies in: `2026-11-22`, `2026-W47`, `2026-11`, `2026` or `ever`."""
    day = moment.astimezone(zone).date()
    match every:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day.year}-{day.month:02}"
        case "year":
            return str(day.year)
        case _:
            return "ever"


def period_start(every: Period, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The midnight at which the period of a moment began; None for `ever`."""
    day = moment.astimezone(zone).date()
    match every:
        case "day":
            first = day
        case "week":
            first = day - timedelta(days=day.weekday())
        case "month":
            first = day.replace(day=1)
        case "year":
            first = day.replace(month=1, day=1)
        case _:
            return None
    return datetime(first.year, first.month, first.day, tzinfo=zone)


def period_end(every: Period, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The midnight at which the period of a moment ends and the next one begins; None for `ever`."""
    begin = period_start(every, moment, zone)
    return None if begin is None else period_start(every, begin + _INTO_THE_NEXT[every], zone)


def distinct(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parts, if no two have the same id; else the mistake is reported where an id stands again."""
    ids = [cast(str, part.id) for part in parts]
    again = [number for number, id_ in enumerate(ids) if id_ in ids[:number]]
    if again:
        raise mistakes(((number, "id"), f"the id {ids[number]} is used twice") for number in again)
    return parts


def mistakes(said: Iterable[tuple[tuple[str | int, ...], str]]) -> ValidationError:
    """Mistakes of a part by where in it they stand, to be raised by its validator."""
    return ValidationError.from_exception_data(
        "Part",
        [
            InitErrorDetails(type=PydanticCustomError("reference", "{said}", {"said": text}), loc=where, input=None)
            for where, text in said
        ],
    )
