"""What a member can get: each reward on offer, within reach or why not yet.

The decision is a pure function of what is read beforehand, and `redemptions.hold` refuses by the same one. The read is
at most three statements, all by key: it takes as long for a member of many years as for a new one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import bindparam, func, select, union_all
from sqlalchemy.orm import Session

from loyalty.ids import MemberId, RewardId
from loyalty.programme import Programme, Reward
from loyalty.rewards import stock
from loyalty.rewards.stock import Taken
from loyalty.rules.parts import Period, period_end, period_start
from loyalty.store.sql import execute, table_of
from loyalty.tables import Balance, Member, Redemption, Standing

WhyNot = Literal["not_joined", "not_now", "tier", "limit", "sold_out", "points"]
_EVER = datetime(1970, 1, 2, tzinfo=UTC)
_PERIODS: tuple[Period, ...] = get_args(Period)

_MEMBER, _BALANCE, _STANDING = table_of(Member), table_of(Balance), table_of(Standing)
_WHO = (
    select(_MEMBER.c.joined_at, _BALANCE.c.available, _STANDING.c.tier)
    .join(_BALANCE, _BALANCE.c.member_id == _MEMBER.c.id)
    .outerjoin(_STANDING, _STANDING.c.member_id == _MEMBER.c.id)
    .where(_MEMBER.c.id == bindparam("member"))
)
_REDEMPTION = table_of(Redemption)
_HAD = union_all(
    *(
        select(_REDEMPTION.c.reward_id, func.count().label("had"))
        .where(
            _REDEMPTION.c.member_id == bindparam("member"),
            _REDEMPTION.c.reward_id.in_(bindparam(every, expanding=True)),
            _REDEMPTION.c.created_at >= bindparam(f"{every}_began"),
            _REDEMPTION.c.state.in_(("held", "confirmed")),
        )
        .group_by(_REDEMPTION.c.reward_id)
        for every in _PERIODS
    )
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision rests on: the member, what was taken of each item, how often she had each limited reward."""

    joined: bool
    available: int
    tier: str | None
    taken: Mapping[str, Taken] = field(default_factory=dict)
    had: Mapping[str, int] = field(default_factory=dict)
    """By reward, in the period of its limit that is running."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as it stands for a member."""

    reward: Reward
    why_not: WhyNot | None = None
    """The first thing that is in the way; None if she can have it now."""
    missing: int = 0
    """Points she lacks."""
    left: int | None = None
    """How many there are for everybody; None: any number."""
    used_up: bool = False
    """She had it as often as one member can, for the time being or for ever."""
    again_at: datetime | None = None
    """When her limit begins anew, if it is used up and ever does."""
    needs: str | None = None
    """The lowest level that can have it, if hers cannot."""

    @property
    def within_reach(self) -> bool:
        """Whether she can have it now."""
        return self.why_not is None


def decide(programme: Programme, reward: Reward, situation: Situation, now: datetime) -> Offer:
    """How a reward stands for a member at a moment."""
    limit = reward.per_member
    used_up = limit is not None and situation.had.get(reward.id, 0) >= limit.count
    offer = Offer(
        reward,
        missing=max(reward.points - situation.available, 0),
        left=_left(reward, situation.taken),
        used_up=used_up,
        again_at=_again_at(programme, reward, now) if used_up else None,
        needs=_needs(programme, reward, situation.tier),
    )
    on_offer = reward.dates.holds(now.astimezone(programme.zone).date())
    return replace(offer, why_not=next(_in_the_way(offer, joined=situation.joined, on_offer=on_offer), None))


def facts(programme: Programme, offer: Offer, now: datetime) -> dict[str, str]:
    """What a refusal says besides its reason: `begins` (a day), `needs` (a level), `again_at` or `period`."""
    match offer.why_not:
        case "not_now" if (first := offer.reward.dates.first) and first > now.astimezone(programme.zone).date():
            return {"begins": first.isoformat()}
        case "tier":
            return {"needs": str(offer.needs)}
        case "limit":
            return {"again_at": offer.again_at.isoformat()} if offer.again_at else {"period": "ever"}
        case _:
            return {}


def what_can_i_get(session: Session, programme: Programme, member: MemberId, now: datetime) -> list[Offer]:
    """Each reward on offer as it stands for a member, cheapest first; those of other levels too."""
    rewards = _on_offer(programme, now)
    situation = look(session, programme, member, rewards, now)
    return [decide(programme, reward, situation, now) for reward in rewards]


def whole_catalogue(session: Session, programme: Programme, now: datetime) -> list[Offer]:
    """Each reward on offer with what is left of it, for nobody in particular: nothing is missing, no level needed."""
    rewards = _on_offer(programme, now)
    taken = _taken(session, programme, rewards)
    offers = [Offer(reward, left=_left(reward, taken)) for reward in rewards]
    return [replace(offer, why_not="sold_out" if offer.left == 0 else None) for offer in offers]


def look(
    session: Session, programme: Programme, member: MemberId, rewards: Iterable[Reward], now: datetime
) -> Situation:
    """Read what `decide` needs to know of a member and some rewards."""
    rewards = tuple(rewards)
    session.flush()
    who = execute(session, _WHO, {"member": member}).one()
    limits = {reward.id: reward.per_member.every for reward in rewards if reward.per_member is not None}
    return Situation(
        who.joined_at is not None, who.available, who.tier, _taken(session, programme, rewards),
        _had(session, programme, member, limits, now) if limits else {},
    )  # fmt: skip


def tier_of(session: Session, programme: Programme, member: MemberId) -> str | None:
    """The level a member has, as it was worked out last."""
    if programme.tiers is None:
        return None
    standing = session.get(Standing, member)
    return standing.tier if standing is not None else None


def _on_offer(programme: Programme, now: datetime) -> list[Reward]:
    today = now.astimezone(programme.zone).date()
    found = (reward for reward in programme.rewards if not reward.gift_only and reward.dates.holds(today))
    return sorted(found, key=lambda reward: reward.points)


def _in_the_way(offer: Offer, *, joined: bool, on_offer: bool) -> Iterator[WhyNot]:
    """Everything that keeps a member from a reward: first what saving points does not help against."""
    if not joined:
        yield "not_joined"
    if not on_offer:
        yield "not_now"
    if offer.needs is not None:
        yield "tier"
    if offer.used_up:
        yield "limit"
    if offer.left == 0:
        yield "sold_out"
    if offer.missing:
        yield "points"


def _needs(programme: Programme, reward: Reward, tier: str | None) -> str | None:
    if not reward.tiers or tier in reward.tiers:
        return None
    levels = programme.tiers.levels if programme.tiers else ()
    return next(level.id for level in levels if level.id in reward.tiers)  # a programme knows all it names


def _again_at(programme: Programme, reward: Reward, now: datetime) -> datetime | None:
    """When the period of a reward's limit ends; never for `ever`."""
    return None if reward.per_member is None else period_end(reward.per_member.every, now, programme.zone)


def _left(reward: Reward, taken: Mapping[str, Taken]) -> int | None:
    return taken.get(stock.reward_item(reward.id), Taken()).left(reward.stock, reward.cost, reward.budget)


def _taken(session: Session, programme: Programme, rewards: Iterable[Reward]) -> Mapping[str, Taken]:
    """What was taken of the rewards that can run out."""
    scarce = [reward.id for reward in rewards if reward.stock is not None or reward.budget is not None]
    return stock.taken(session, programme.id, [stock.reward_item(id_) for id_ in scarce]) if scarce else {}


def _had(
    session: Session, programme: Programme, member: MemberId, limits: Mapping[RewardId, Period], now: datetime
) -> Mapping[str, int]:
    values: dict[str, object] = {"member": member}
    for every in _PERIODS:
        values[every] = [reward for reward, period in limits.items() if period == every]
        values[f"{every}_began"] = period_start(every, now, programme.zone) or _EVER
    return {row.reward_id: row.had for row in execute(session, _HAD, values)}
