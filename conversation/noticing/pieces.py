"""News put into words: one piece of a message for each thing that happened, and the template that says the same."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from conversation.noticing.specs import SPECS, Spec
from conversation.saying import wording
from conversation.saying.wording import Voice
from loyalty.books.overview import points_of
from loyalty.ids import MemberId
from loyalty.money import Money
from loyalty.news import Happening, Kind
from loyalty.programme import last_day
from loyalty.rewards import vouchers
from loyalty.rewards.catalogue import tier_of
from loyalty.rules.goals import AnyGoal, Badge, Challenge
from loyalty.tables import Voucher


@dataclass(frozen=True, slots=True)
class Piece:
    """What is said of one thing that happened."""

    kind: Kind
    text: str
    template: str | None = None
    """The template that says it outside the window, with its values; none if no template does."""
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def spec(self) -> Spec:
        """How it is told."""
        return SPECS[self.kind]


@dataclass(frozen=True, slots=True)
class Teller:
    """Says what happened to one member."""

    session: Session
    voice: Voice
    member: MemberId
    now: datetime

    def say(self, happening: Happening) -> Piece | None:
        """A piece of news in words; None if there is nothing left to say, as of a voucher that was used meanwhile."""
        return _SAYS[happening.kind](self, happening.about)

    @property
    def available(self) -> int:
        """The points she can use now."""
        return points_of(self.session, self.member).available

    def joined(self, _about: Mapping[str, Any]) -> Piece:
        """Welcome, with how to earn points and what the first of them are good for."""
        voice, rule = self.voice, self.voice.programme.earning.purchase
        name, available = voice.programme.name, self.available
        lines = [voice.say("notice.welcome", programme=name, available=available), voice.say("notice.welcome_how")]
        if rule.points:
            per = Money(rule.per, voice.programme.currency)
            lines.append(voice.say("earn.purchase", points=rule.points, per=per))
        offered = voice.programme.offered(self.now, tier_of(self.session, voice.programme, self.member))
        if offered:
            lines.append(voice.say("rewards.line", reward=offered[0].name[voice.language], points=offered[0].points))
        return Piece(Kind.MEMBER_JOINED, "\n".join(lines), "welcome", {"available": available})

    def earned(self, about: Mapping[str, Any]) -> Piece:
        """Points earned, with what is missing to the next reward."""
        voice, points, available = self.voice, about["points"], self.available
        values = {"points": points, "available": available}
        template, key, more = "points_earned", "notice.earned_more", {}
        if "activity" in about:
            activity = voice.programme.earning.activities.get(about["activity"])
            name = activity.name[voice.language] if activity is not None else about["activity"]
            key, more = "points.earned_activity", {"name": name}
        elif "amount" in about:
            key, more = "points.earned", {"amount": _money(about)}
            if (day := self._from_day(about)) is not None:
                template, key, more = "points_pending", "points.earned_pending", {**more, "day": day}
        lines = [voice.say(key, **values, **more), *self.following(available)]
        return Piece(Kind.POINTS_EARNED, "\n".join(lines), template, {**values, **more})

    def following(self, available: int) -> Iterator[str]:
        """What is missing to the next reward."""
        programme = self.voice.programme
        reward = programme.next_reward(available, self.now, tier_of(self.session, programme, self.member))
        if reward is not None:
            name, missing = reward.name[self.voice.language], reward.points - available
            yield self.voice.say("points.next", missing=missing, reward=name)

    def taken_back(self, about: Mapping[str, Any]) -> Piece:
        """Points that a refund, a cancellation or an edit took back."""
        values: dict[str, object] = {"points": about["points"], "available": self.available}
        key = "notice.taken_back"
        if "amount" in about:
            key = "points.taken_back"
            values["amount"] = _money(about)
        lines = [self.voice.say(key, **values), *self.following(self.available)]
        return Piece(Kind.POINTS_TAKEN_BACK, "\n".join(lines), "points_taken_back", values)

    def redeemed(self, about: Mapping[str, Any]) -> Piece | None:
        """The receipt of a redemption that was not made in the chat, with its code."""
        row = self._voucher(about)
        if row is None:
            return None
        values: dict[str, object] = {"reward": row.reward_name, "code": row.code, "available": self.available}
        key = "redeem.issued_for_ever"
        if row.expires_at is not None:
            key = "redeem.issued"
            values["until"] = last_day(row.expires_at, self.voice.programme.zone)
        return Piece(Kind.REWARD_REDEEMED, self.voice.say(key, **values), "voucher_issued", values)

    def voucher(self, about: Mapping[str, Any]) -> Piece | None:
        """A code that was given."""
        row = self._voucher(about)
        if row is None:
            return None
        values: dict[str, object] = {"reward": row.reward_name, "code": row.code}
        key, zone = "game.prize_for_ever", self.voice.programme.zone
        template: str | None = "voucher_given"
        if row.valid_from is not None and row.valid_from > self.now:
            key, values["day"], template = "notice.voucher_waits", row.valid_from.astimezone(zone).date(), None
        elif row.expires_at is not None:
            key, values["until"] = "game.prize", last_day(row.expires_at, zone)
        return Piece(Kind.VOUCHER_ISSUED, self.voice.say(key, **values), template, values)

    def voucher_expiring(self, about: Mapping[str, Any]) -> Piece | None:
        """So many days are left for a code."""
        row = self._voucher(about)
        if row is None or row.expires_at is None:
            return None
        zone = self.voice.programme.zone
        day = last_day(row.expires_at, zone)
        values = {"reward": row.reward_name, "code": row.code, "left": (day - self.now.astimezone(zone).date()).days}
        key = "notice.voucher_expiring" if values["left"] else "notice.voucher_expiring_today"
        return Piece(Kind.VOUCHER_EXPIRING, self.voice.say(key, **values), "voucher_expiring", {**values, "day": day})

    def expiring(self, about: Mapping[str, Any]) -> Piece:
        """Points that expire on a day, or from that day on."""
        day, points, on_day = date.fromisoformat(about["day"]), about["points"], about["on_day"]
        key = "notice.expiring" if points == on_day else "notice.expiring_from"
        text = self.voice.say(key, points=points, day=day)
        return Piece(Kind.POINTS_EXPIRING, text, "points_expiring", {"points": on_day, "day": day})

    def friend_joined(self, _about: Mapping[str, Any]) -> Piece:
        """To who brought somebody: she is there."""
        voice, rule = self.voice, self.voice.programme.referral
        lines = [voice.say("notice.friend_joined", programme=voice.programme.name)]
        if rule.referrer is not None and rule.on == "order":
            lines.append(voice.say("notice.friend_brings", gift=wording.gift(voice, rule.referrer)))
        return Piece(Kind.REFERRAL_JOINED, "\n".join(lines), "referral_joined")

    def referral(self, about: Mapping[str, Any]) -> Piece:
        """To either side: what a referral brought."""
        points, side, day = about["points"], about["side"], self._from_day(about)
        key = f"notice.{side}_points" if points else f"notice.{side}"
        lines, available = [self.voice.say(key, points=points)], self.available
        values: dict[str, object] = {"points": points, "available": available}
        template = "referral_rewarded" if side == "referrer" else "points_earned"
        if day is not None:
            template = "points_pending"
            values["day"] = day
            lines.append(self.voice.say("notice.from_day", day=day))
        elif points:
            lines.append(self.voice.say("points.balance", available=available))
        return Piece(Kind.REFERRAL_REWARDED, "\n".join(lines), template if points else None, values)

    def level(self, about: Mapping[str, Any]) -> Piece | None:
        """Another level, and what it brings."""
        voice, tiers = self.voice, self.voice.programme.tiers
        level = tiers.level(about["tier"]) if tiers is not None else None
        if level is None:
            return None
        name = level.name[voice.language]
        lines = [voice.say("notice.level", level=name), *self._brings(about)]
        if level.factor != 1:
            lines.append(voice.say("level.factor", factor=level.factor))
        lines += [voice.say("level.benefit", benefit=benefit[voice.language]) for benefit in level.benefits]
        return Piece(Kind.TIER_REACHED, "\n".join(lines), "level_reached", {"level": name})

    def goal(self, kind: Kind, about: Mapping[str, Any]) -> Piece | None:
        """A badge, a milestone, a streak or a challenge that was reached."""
        key = _GOALS[kind]
        goal = self._goal(f"{key}:{about['goal']}")
        if goal is None:
            return None
        name = goal.name[self.voice.language]
        if kind is Kind.CHALLENGE_DONE:
            first = self.voice.say("goal.done", name=name)
        else:
            first = self.voice.say(f"notice.{key}", goal=name, sign=goal.sign if isinstance(goal, Badge) else "")
        template = "badge_reached" if kind is Kind.BADGE_REACHED else "goal_reached"
        return Piece(kind, "\n".join([first, *self._brings(about)]), template, {"goal": name})

    def nearly(self, about: Mapping[str, Any]) -> Piece | None:
        """What is missing to the end of a challenge."""
        voice, goal = self.voice, self._goal(f"challenge:{about['goal']}")
        if goal is None:
            return None
        what = wording.amount(voice, goal.measure, about["missing"], minimum=goal.minimum)
        name = goal.name[voice.language]
        lines = [voice.say("notice.nearly", goal=name, what=what)]
        if about["ends_at"] is not None:
            day = last_day(datetime.fromisoformat(about["ends_at"]), voice.programme.zone)
            lines.append(voice.say("goal.until", day=day))
        lines += self._gift(goal)
        values = {"goal": name, "what": what}
        return Piece(Kind.CHALLENGE_NEARLY_DONE, "\n".join(lines), "challenge_nearly_done", values)

    def challenge(self, about: Mapping[str, Any]) -> Piece | None:
        """A challenge that begins."""
        voice, goal = self.voice, self._goal(f"challenge:{about['goal']}")
        if not isinstance(goal, Challenge):
            return None
        name, last = goal.name[voice.language], about["last"]
        what = wording.amount(voice, goal.measure, goal.target, minimum=goal.minimum)
        lines = [voice.say("notice.challenge_started", goal=name, what=what)]
        values: dict[str, object] = {"challenge": name}
        if last is not None:
            values["day"] = date.fromisoformat(last)
            lines.append(voice.say("goal.until", day=values["day"]))
        lines += self._gift(goal)
        template = "new_challenge" if last is not None else None
        return Piece(Kind.CHALLENGE_STARTED, "\n".join(lines), template, values)

    def birthday(self, about: Mapping[str, Any]) -> Piece:
        """Good wishes, and the points that come with them."""
        points, name = about["points"], self.voice.programme.name
        key = "notice.birthday_points" if points else "notice.birthday"
        template = "birthday" if points else "birthday_wishes"
        return Piece(Kind.BIRTHDAY, self.voice.say(key, programme=name, points=points), template, {"points": points})

    def inactive(self, _about: Mapping[str, Any]) -> Piece:
        """A word to somebody who has not bought for long."""
        available, name = self.available, self.voice.programme.name
        key = "notice.inactive" if available else "notice.inactive_none"
        text = self.voice.say(key, programme=name, available=available)
        return Piece(Kind.INACTIVE, text, "we_miss_you" if available else None, {"available": available})

    def _brings(self, about: Mapping[str, Any]) -> Iterator[str]:
        if about.get("points"):
            yield self.voice.say("notice.gift_points", points=about["points"])

    def _gift(self, goal: AnyGoal) -> Iterator[str]:
        if goal.gift is not None:
            yield self.voice.say("goal.gift", gift=wording.gift(self.voice, goal.gift))

    def _goal(self, key: str) -> AnyGoal | None:
        return next((goal for goal in self.voice.programme.goals if goal.key == key), None)

    def _voucher(self, about: Mapping[str, Any]) -> Voucher | None:
        """The voucher, unless it can no longer be used."""
        row = self.session.get(Voucher, about["voucher"])
        usable = row is not None and vouchers.refusal(row, None, self.now) in {None, "waiting"}
        return row if usable else None

    def _from_day(self, about: Mapping[str, Any]) -> date | None:
        """From which day on points can be used that are not available yet."""
        if (told := about.get("available_from")) is None:
            return None
        moment = datetime.fromisoformat(told)
        return moment.astimezone(self.voice.programme.zone).date() if moment > self.now else None


def _money(about: Mapping[str, Any]) -> Money:
    return Money.parse(about["amount"], about["currency"])


_GOALS = {
    Kind.BADGE_REACHED: "badge", Kind.MILESTONE_REACHED: "milestone", Kind.STREAK_REACHED: "streak",
    Kind.CHALLENGE_DONE: "challenge",
}  # fmt: skip
_Says = Callable[[Teller, Mapping[str, Any]], Piece | None]


def _goal_of(kind: Kind) -> _Says:
    return lambda teller, about: teller.goal(kind, about)


_SAYS: Mapping[Kind, _Says] = {
    Kind.MEMBER_JOINED: Teller.joined, Kind.POINTS_EARNED: Teller.earned, Kind.POINTS_TAKEN_BACK: Teller.taken_back,
    Kind.REWARD_REDEEMED: Teller.redeemed, Kind.VOUCHER_ISSUED: Teller.voucher,
    Kind.VOUCHER_EXPIRING: Teller.voucher_expiring, Kind.POINTS_EXPIRING: Teller.expiring,
    Kind.REFERRAL_JOINED: Teller.friend_joined, Kind.REFERRAL_REWARDED: Teller.referral,
    Kind.TIER_REACHED: Teller.level, Kind.CHALLENGE_NEARLY_DONE: Teller.nearly,
    Kind.CHALLENGE_STARTED: Teller.challenge, Kind.BIRTHDAY: Teller.birthday, Kind.INACTIVE: Teller.inactive,
    **{kind: _goal_of(kind) for kind in _GOALS},
}  # fmt: skip
