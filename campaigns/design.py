"""The model behind a campaign file: audience, message, variants, schedule, limits, measure."""

import hashlib
import json
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from campaigns.audience import Segment
from loyalty.ids import ProgrammeId
from loyalty.rules.parts import ClockTime, Language, Part, Slug, mistakes

CONTROL = "control"
"""The arm of those who get nothing."""
FieldName = Literal[
    "programme", "name", "available", "tier", "missing", "next_reward", "voucher", "voucher_reward", "voucher_until",
    "referral_code",
]  # fmt: skip
"""What is known of a member and may stand in a message.

`available` are her points, `missing` those she lacks to the next reward, whose name is `next_reward`; `voucher` is the
code of hers that ends first, with the name of what it is for and its last day.
"""
Gap = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]
Intent = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Words = Annotated[str, Field(min_length=1, max_length=1024)]


class Known(Part):
    """Something that is known of the member."""

    field: FieldName
    """What."""
    instead: Annotated[str | int | None, Field(alias="else")] = None
    """What stands there for a member of whom it is not known; without it she is left out."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Saying(Part):
    """What is said: an approved template, a sentence for people inside the 24-hour window, or one with the other."""

    template: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,512}$")] | None = None
    """The name of a template of data/templates/; it goes to everybody, or to those outside the window."""
    sentence: dict[Language, Words] | None = None
    """The words in each language, with gaps as in data/responses; they go to those inside the window."""
    buttons: Annotated[tuple[Intent, ...], Field(max_length=3)] = ()
    """Questions under the sentence, by their intents, such as check_points. A template brings its own."""
    values: dict[Gap, str | int | Known | dict[Language, str]] = Field(default_factory=dict)
    """What goes into gaps: words, numbers, words in each language, or `{field: …}` of the member. A gap that has the
    name of a field needs nothing here."""
    image: Annotated[str, Field(pattern=r"^https://[^\s/]+/\S+$", max_length=2000)] | None = None
    """The picture's address, for a template that has one above its text."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.template is None and self.sentence is None:
            raise ValueError("says nothing: set template or sentence")
        if self.sentence is not None and not self.sentence:
            raise mistakes([(("sentence",), "has no words in any language")])
        if self.buttons and self.sentence is None:
            raise mistakes([(("buttons",), "stand under a sentence; a template brings its own")])
        return self


class Variant(Part):
    """One of several messages that are tried against one another."""

    id: Slug
    message: Saying


class Schedule(Part):
    """When it begins, and until when. Without a beginning it begins when it is started."""

    at: AwareDatetime | None = None
    """An instant, with its offset: `2026-12-01T10:00:00+01:00`."""
    day: date | None = None
    """A day; with `time`, by the clock where each member lives."""
    time: ClockTime | None = None
    lasts_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 72
    """How long after her turn a member may still be written to, if quiet hours, the cap or WhatsApp were in the way."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.day is None) != (self.time is None):
            raise ValueError("day and time go together")
        if self.at is not None and self.day is not None:
            raise ValueError("takes at, or day with time, not both")
        return self


class Sample(Part):
    """How many of each variant the test needs, fixed before anything is sent: as a number, or worked out."""

    per_variant: Annotated[int, Field(ge=10, le=10**7)] | None = None
    """The number."""
    baseline: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The share that would do it anyway, such as 0.05."""
    effect: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The smallest difference worth finding, as a share: 0.01 is from 5 % to 6 %."""
    power: Annotated[float, Field(ge=0.5, le=0.999)] = 0.8
    """How likely such a difference is found if there is one."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        worked_out = self.baseline is not None and self.effect is not None
        if (self.per_variant is not None) == worked_out or (self.baseline is None) != (self.effect is None):
            raise ValueError("takes per_variant, or baseline with effect")
        if worked_out and (self.baseline or 0) + (self.effect or 0) >= 1:
            raise ValueError("baseline and effect come to more than everybody")
        return self


class Measure(Part):
    """What counts as success, and when the variants are compared."""

    metric: Literal["order", "redemption", "reply", "click"] = "order"
    """`order`: bought (and kept something of it); `redemption`: redeemed a reward; `reply`: wrote back; `click`: tapped
    a choice under the message."""
    within_days: Annotated[int, Field(ge=1, le=90)] = 7
    """So long after her turn it counts."""
    sample: Sample | None = None
    """Without it figures are shown, and no verdict is given."""
    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    """How often at most a difference is found where there is none."""


class Limit(Part):
    """An amount of money that is not exceeded."""

    amount: Annotated[Decimal, Field(gt=0, le=10**9, allow_inf_nan=False)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Stops(Part):
    """When it stops by itself; shares are of its last thousand messages, from the fiftieth on."""

    failed: Share = 0.1
    """Messages that failed for any reason."""
    held_back: Share = 0.2
    """Messages that WhatsApp chose not to deliver (131049)."""
    opted_out: Share = 0.03
    """People who wanted no more offers after it: the guardrail."""


class Design(Part):
    """A campaign file."""

    id: Slug
    """Its short name: each member gets it once under this name."""
    programme: ProgrammeId
    """Whose members."""
    category: Literal["marketing", "utility"] = "marketing"
    """`marketing` needs consent and counts towards the weekly cap; `utility` is about her own account only."""
    audience: Segment = Segment()
    message: Saying | None = None
    variants: Annotated[tuple[Variant, ...], Field(max_length=10)] = ()
    """Several messages, evenly split, in place of `message`."""
    control_share: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    """The share that gets nothing, to see what would have happened anyway."""
    schedule: Schedule = Schedule()
    rate_per_second: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 10.0
    """How many messages a second."""
    max_cost: Limit | None = None
    """What all of it may cost by the rate card; who has no rate there is left out."""
    measure: Measure = Measure()
    stop: Stops = Stops()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.message is None) == (not self.variants):
            raise mistakes([(("message",), "takes message, or variants, one of the two")])
        ids = [one.id for one in self.variants]
        if twice := [number for number, id_ in enumerate(ids) if id_ in ids[:number] or id_ == CONTROL]:
            raise mistakes([(("variants", twice[0], "id"), f"{ids[twice[0]]} is taken; each variant needs its own")])
        if self.measure.metric in {"reply", "click"} and self.control_share and len(self.arms) < 2:
            said = "somebody who gets nothing cannot reply or click; compare by order or redemption"
            raise mistakes([(("measure", "metric"), said)])
        return self

    @cached_property
    def arms(self) -> dict[str, Saying]:
        """The messages by the ids of their variants; a single message is the variant `message`."""
        return {one.id: one.message for one in self.variants} or {"message": self.message or Saying()}

    @property
    def window(self) -> timedelta:
        """How long after her turn something counts."""
        return timedelta(days=self.measure.within_days)

    def document(self) -> dict[str, Any]:
        """All that the file says, as JSON."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def digest(self) -> str:
        """A hash of all that the file says."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
