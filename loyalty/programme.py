"""A whole programme: the model behind `programmes/*.yml`, and what follows from it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from pydantic import AfterValidator, Field, model_validator

from loyalty.ids import ProgrammeId, RevisionId
from loyalty.rules.dialogs import Dialog
from loyalty.rules.earning import Earning
from loyalty.rules.games import Games
from loyalty.rules.goals import AnyGoal, Badge, Challenge, Goal, Leaderboard, Milestone, Streak
from loyalty.rules.notices import Notices, QuietHours
from loyalty.rules.parts import (
    LANGUAGES,
    Gift,
    Language,
    Part,
    Texts,
    distinct,
    end_of_day,
    last_day,
    mistakes,
)
from loyalty.rules.people import Staff, Terms
from loyalty.rules.referral import ReferralRule
from loyalty.rules.rewards import VOUCHER_DAYS, Reward
from loyalty.rules.shops import ShopLink, each_once
from loyalty.rules.tiers import Tiers

__all__ = [
    "LANGUAGES", "VOUCHER_DAYS", "Language", "Notices", "Programme", "QuietHours", "Reward", "Texts", "end_of_day",
    "last_day",
]  # fmt: skip

Location = tuple[str | int, ...]
"""Where something stands in the file."""


_zones = cache(available_timezones)  # it looks through a folder of files each time


def _zone(name: str) -> str:
    if name not in _zones():
        near = get_close_matches(name, _zones(), n=1) or ["Europe/Rome"]
        raise ValueError(f"is no time zone; use a name such as {near[0]}")
    return name


def _currency(code: str) -> str:
    if code not in get_global("all_currencies"):
        raise ValueError("is no ISO 4217 currency; use a code such as EUR")
    return code


class WhatsAppNumber(Part):
    """The number members write to."""

    phone: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
    """As people dial it from abroad, in quotes: `"+390612345678"`."""
    phone_number_id: Annotated[str, Field(pattern=r"^[0-9]{5,32}$")] | None = None
    """Meta's id of that number; without it the one of `WHATSAPP_PHONE_NUMBER_ID`."""


class Programme(Part):
    """A whole programme file."""

    id: Annotated[ProgrammeId, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    """Its name in the database and the API; it stays for ever."""
    name: str = Field(min_length=1, max_length=60)
    """The business, as members read it."""
    currency: Annotated[str, AfterValidator(_currency)]
    """The ISO 4217 code of the money it counts in, such as EUR."""
    timezone: Annotated[str, AfterValidator(_zone)]
    """The zone its days begin and end in, such as Europe/Rome."""
    language: Language
    """The language of a member who has not been heard yet."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = LANGUAGES
    """The languages this file has texts in; members who write another one read the first of them."""
    whatsapp: WhatsAppNumber
    contact: Texts
    """How to reach a person of the business, as part of a sentence: "at the bar or at ciao@…"."""
    earning: Earning
    tiers: Tiers | None = None
    rewards: Annotated[tuple[Reward, ...], Field(min_length=1), AfterValidator(distinct)]
    badges: Annotated[tuple[Badge, ...], AfterValidator(distinct)] = ()
    milestones: Annotated[tuple[Milestone, ...], AfterValidator(distinct)] = ()
    challenges: Annotated[tuple[Challenge, ...], AfterValidator(distinct)] = ()
    streaks: Annotated[tuple[Streak, ...], AfterValidator(distinct)] = ()
    leaderboards: Annotated[tuple[Leaderboard, ...], AfterValidator(distinct)] = ()
    referral: ReferralRule
    games: Games = Games()
    dialogs: Annotated[tuple[Dialog, ...], AfterValidator(distinct)] = ()
    """Surveys and other questions in a row, written down here."""
    notices: Notices = Notices()
    consent: Terms | None = None
    """What members agree to when they join; without it, that their number, purchases and points are kept."""
    staff: Staff | None = None
    """Who answers in the chat when somebody asks for a person; without it, she reads how else to reach one."""
    shops: Annotated[tuple[ShopLink, ...], AfterValidator(each_once)] = ()
    """Online shops whose orders belong here; without any, those of every shop do, if this is the only programme."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The programme's time zone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def revision(self) -> RevisionId:
        """The name of exactly these rules: a hash of all that the file says."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"))
        return RevisionId(hashlib.sha256(text.encode()).hexdigest()[:32])

    @cached_property
    def goal_rules(self) -> str | None:
        """The name of what levels, goals and leaderboards depend on; None if there are none of them.

        Names, texts and the size of gifts do not change it.
        """
        forms = [goal.form() for goal in self.goals]
        forms += [board.model_dump(mode="json", exclude={"name", "size"}) for board in self.leaderboards]
        if self.tiers is not None:
            forms.append(self.tiers.form())
        if not forms:
            return None
        text = json.dumps([self.timezone, *forms], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def document(self) -> dict[str, object]:
        """All that the file says, as JSON: `Programme.model_validate` makes the same programme of it."""
        return self.model_dump(mode="json", by_alias=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, under a revision of its own."""
        copy = super().model_copy(update=update, deep=deep)
        for name in ("revision", "goal_rules", "zone"):
            copy.__dict__.pop(name, None)
        return copy

    def reward(self, id_: str) -> Reward | None:
        """The reward with this id, if the programme has it."""
        return next((reward for reward in self.rewards if reward.id == id_), None)

    def offered(self, now: datetime, tier: str | None) -> tuple[Reward, ...]:
        """The rewards that a member of a tier can choose at a moment, cheapest first."""
        local = now.astimezone(self.zone)
        return tuple(sorted((one for one in self.rewards if one.offered(local, tier)), key=lambda one: one.points))

    def next_reward(self, points: int, now: datetime, tier: str | None) -> Reward | None:
        """The cheapest reward on offer that `points` do not reach yet."""
        return next((reward for reward in self.offered(now, tier) if reward.points > points), None)

    @property
    def goals(self) -> tuple[AnyGoal, ...]:
        """Everything that can be reached."""
        return (*self.badges, *self.milestones, *self.challenges, *self.streaks)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """What one part names, another has. Mistakes are reported where they stand."""
        if wrong := list(self._loose_ends()):
            raise mistakes(wrong)
        return self

    def _loose_ends(self) -> Iterator[tuple[Location, str]]:
        levels = {level.id for level in self.tiers.levels} if self.tiers else set()
        rewards = {reward.id for reward in self.rewards}
        if self.language not in self.languages:
            yield ("language",), f"{self.language} is not among languages: {', '.join(self.languages)}"
        if all(reward.gift_only for reward in self.rewards):
            yield ("rewards",), "every reward is gift_only, so that points are good for nothing"
        for where, tiers in self._named_tiers():
            for tier in sorted(tiers - levels):
                yield where, f"names the tier {tier}; tiers.levels has: {', '.join(sorted(levels)) or 'none'}"
        for where, gift in self.gifts():
            if gift is not None and gift.reward is not None and gift.reward not in rewards:
                yield (*where, "reward"), f"there is no reward {gift.reward}; rewards has: {', '.join(sorted(rewards))}"
        for where, measure in self.measures():
            kind, _, activity = measure.partition(":")
            if kind == "activity" and activity not in self.earning.activities:
                known = ", ".join(sorted(self.earning.activities)) or "none"
                yield (*where, "measure"), f"counts {activity}; earning.activities has: {known}"

    def _named_tiers(self) -> Iterator[tuple[Location, frozenset[str]]]:
        for number, bonus in enumerate(self.earning.bonuses):
            yield ("earning", "bonuses", number, "when", "tiers"), bonus.when.tiers
        for number, reward in enumerate(self.rewards):
            yield ("rewards", number, "tiers"), reward.tiers
        for number, challenge in enumerate(self.challenges):
            yield ("challenges", number, "tiers"), challenge.tiers

    def gifts(self) -> Iterator[tuple[Location, Gift | None]]:
        """Where a rule may give something, and what it gives."""
        yield ("referral", "referrer"), self.referral.referrer
        yield ("referral", "friend"), self.referral.friend
        for number, level in enumerate(self.tiers.levels if self.tiers else ()):
            yield ("tiers", "levels", number, "gift"), level.gift
        for where, goal in self._goals():
            yield (*where, "gift"), goal.gift
        for number, quiz in enumerate(self.games.quizzes):
            yield ("games", "quizzes", number, "perfect"), quiz.perfect
        for number, prize in enumerate(self.games.wheel.prizes if self.games.wheel else ()):
            yield ("games", "wheel", "prizes", number, "gift"), prize.gift
        for number, dialog in enumerate(self.dialogs):
            yield ("dialogs", number, "gift"), dialog.gift

    def measures(self) -> Iterator[tuple[Location, str]]:
        """What counts something, and what it counts."""
        if self.tiers:
            yield ("tiers",), self.tiers.measure
        for where, goal in self._goals():
            yield where, goal.measure
        for number, board in enumerate(self.leaderboards):
            yield ("leaderboards", number), board.measure

    def _goals(self) -> Iterator[tuple[Location, Goal]]:
        kinds: dict[str, tuple[Goal, ...]] = {
            "badges": self.badges, "milestones": self.milestones, "challenges": self.challenges,
            "streaks": self.streaks,
        }  # fmt: skip
        for kind, goals in kinds.items():
            for number, goal in enumerate(goals):
                yield (kind, number), goal
