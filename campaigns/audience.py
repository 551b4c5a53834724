"""Who a campaign is for, as its file says: conditions that must all hold, and conditions inside conditions."""

from datetime import date
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from loyalty.rules.parts import Language, Part, Points, Slug, SortedSet

Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Days = Annotated[int, Field(ge=1, le=3650)]


class Span(Part):
    """From so many to so many, both included; one of them may be left open."""

    least: Annotated[Points | None, Field(alias="from")] = None
    """At least so many."""
    most: Annotated[Points | None, Field(alias="to")] = None
    """At most so many."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("says nothing: set from or to")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("from is more than to")
        return self


class Ago(Part):
    """When something happened last: in the last days, or not in them (never counts as not)."""

    within_days: Days | None = None
    """It happened in so many days."""
    not_within_days: Days | None = None
    """It did not happen in so many days."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.within_days is None and self.not_within_days is None:
            raise ValueError("says nothing: set within_days or not_within_days")
        if self.within_days and self.not_within_days and self.within_days <= self.not_within_days:
            raise ValueError("nobody fits: within_days must be more than not_within_days")
        return self


class Joined(Part):
    """When a member joined, by days of the programme's zone."""

    since: date | None = None
    """On this day or later."""
    before: date | None = None
    """Before this day."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.since is None and self.before is None:
            raise ValueError("says nothing: set since or before")
        return self


class Birthday(Part):
    """Whose birthday is near, or in a month."""

    next_days: Annotated[int, Field(ge=0, le=365)] | None = None
    """Today or in so many days, counted from when the campaign is planned, in the programme's zone."""
    month: Annotated[int, Field(ge=1, le=12)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.next_days is None) == (self.month is None):
            raise ValueError("takes next_days or month, one of the two")
        return self


class Referred(Part):
    """What a member has to do with referrals."""

    code_used: bool | None = None
    """She came with a friend's code, or did not."""
    friends_joined: Span | None = None
    """How many friends came with her code."""
    friends_converted: Span | None = None
    """How many of them qualified."""
    never_shared: bool | None = None
    """Nobody ever opened her link or came with her code (true), or somebody did (false)."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("says nothing: set code_used, friends_joined, friends_converted or never_shared")
        return self


class Segment(Part):
    """Conditions that must all hold. One that names nothing is every member."""

    tiers: SortedSet[Slug] | None = None
    """Her level is one of these."""
    points: Span | None = None
    """The points she can use."""
    last_purchase: Ago | None = None
    """When she bought last; what was wholly given back does not count."""
    languages: SortedSet[Language] | None = None
    tags: SortedSet[Tag] | None = None
    """She has one of these tags."""
    birthday: Birthday | None = None
    referral: Referred | None = None
    joined: Joined | None = None
    reward_in_reach: Annotated[bool | Slug, Field(union_mode="left_to_right")] | None = None
    """She has points enough for some reward on offer (true), for none (false), or for the one named."""
    all_of: Annotated[tuple["Segment", ...], Field(min_length=1)] | None = None
    """All of these hold."""
    any_of: Annotated[tuple["Segment", ...], Field(min_length=1)] | None = None
    """One of these holds at least."""
    none_of: Annotated[tuple["Segment", ...], Field(min_length=1)] | None = None
    """None of these holds."""

    def inner(self) -> tuple["Segment", ...]:
        """The conditions inside, all the way down, itself included."""
        inside = (*(self.all_of or ()), *(self.any_of or ()), *(self.none_of or ()))
        return (self, *(deep for one in inside for deep in one.inner()))
