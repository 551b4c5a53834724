"""Which rewards to suggest to a member, each with the reason: from her points, what she buys, what she had before.

The choice is a pure function of what is read beforehand: the same member on the same day is told the same.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import regex
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from loyalty.books.overview import expiring
from loyalty.ids import MemberId, RewardId
from loyalty.programme import Programme, Reward
from loyalty.rewards.catalogue import Offer
from loyalty.store.sql import execute, table_of
from loyalty.tables import Purchase, Redemption

MOST = 3
SOON = timedelta(days=30)
"""Points that expire within this are worth a word."""
ORDERS = 30
"""So many of her latest orders tell what she likes."""
OFTEN = 2
"""Bought so often, something is what she likes and no chance."""
NEAR = 4
"""A reward of which no more than a quarter of its points is missing is nearly reached."""
_SHORTEST = 4
_WORD = regex.compile(r"\p{L}+")
Reason = Literal["expiring", "bought", "had", "best", "near", "next"]


@dataclass(frozen=True, slots=True)
class Taste:
    """What is known of what a member likes."""

    bought: Mapping[RewardId, int] = field(default_factory=dict)
    """How often she bought something that a reward is, by reward."""
    had: Mapping[RewardId, int] = field(default_factory=dict)
    """How often she redeemed a reward."""
    expiring: int = 0
    """How many of her points expire first, if that is soon, and when."""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A reward and why. `times` goes with `bought` and `had`, `missing` with `near` and `next`."""

    reward: Reward
    reason: Reason
    times: int = 0
    missing: int = 0


def suggest(offers: Sequence[Offer], taste: Taste) -> list[Suggestion]:
    """Up to three rewards, the most fitting first.

    What she can have comes before what she cannot have yet; of that, the nearest one is named if there is room, or if
    only little is missing to it. Rewards that saving points does not bring are left out.
    """
    within = [offer.reward for offer in offers if offer.within_reach]
    beyond = [offer for offer in offers if offer.why_not == "points"]
    found: dict[RewardId, Suggestion] = {}
    for suggestion in _now(within, taste):
        found.setdefault(suggestion.reward.id, suggestion)
    nearest = min(beyond, key=lambda offer: (offer.missing, offer.reward.points, offer.reward.id), default=None)
    if nearest is None:
        return list(found.values())[:MOST]
    near = nearest.missing * NEAR <= nearest.reward.points
    room = MOST - 1 if near else MOST
    last = Suggestion(nearest.reward, "near" if near else "next", missing=nearest.missing)
    return [*list(found.values())[:room], last][:MOST]


def read_taste(session: Session, programme: Programme, member: MemberId, now: datetime) -> Taste:
    """What is known of what a member likes: three reads by her id."""
    lines = [line for (lines,) in execute(session, _LINES, {"member": member}) for line in lines]
    had = {RewardId(row.reward_id): int(row.times) for row in execute(session, _HAD, {"member": member})}
    first = next(iter(expiring(session, member, now=now)), None)
    soon = first is not None and first.at <= now + SOON
    return Taste(
        bought_of(programme.rewards, lines), had,
        first.points if first is not None and soon else 0, first.at if first is not None and soon else None,
    )  # fmt: skip


def bought_of(rewards: Iterable[Reward], lines: Iterable[Mapping[str, Any]]) -> dict[RewardId, int]:
    """How often somebody bought what a reward is: a line counts whose product or category shares a word with its name.

    `lines` are an order's, as they are kept: `product`, `quantity`, `category`.
    """
    sold: Counter[frozenset[str]] = Counter()
    for line in lines:
        sold[_words(f"{line.get('product') or ''} {line.get('category') or ''}")] += int(line.get("quantity") or 0)
    found = {}
    for reward in rewards:
        named = _words(" ".join((reward.id, *reward.name.values())))
        times = sum(count for words, count in sold.items() if _alike(named, words))
        if times > 0:
            found[reward.id] = times
    return found


def _now(within: Sequence[Reward], taste: Taste) -> Iterator[Suggestion]:
    """What she can have at once, by how much speaks for it."""

    def liked(reward: Reward) -> tuple[int, int, int, str]:
        return -taste.bought.get(reward.id, 0), -taste.had.get(reward.id, 0), -reward.points, reward.id

    by_taste = sorted(within, key=liked)
    bought = [reward for reward in by_taste if taste.bought.get(reward.id, 0) >= OFTEN]
    had = sorted(
        (reward for reward in within if taste.had.get(reward.id)), key=lambda one: (-taste.had[one.id], -one.points)
    )
    if taste.expiring and by_taste:
        yield Suggestion(by_taste[0], "expiring")
    yield from (Suggestion(reward, "bought", taste.bought[reward.id]) for reward in bought)
    yield from (Suggestion(reward, "had", taste.had[reward.id]) for reward in had)
    if within:
        yield Suggestion(max(within, key=lambda reward: (reward.points, reward.id)), "best")


def _words(text: str) -> frozenset[str]:
    """The words that can be told apart: four letters at least, without accents and capitals."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return frozenset(word for word in _WORD.findall(bare) if len(word) >= _SHORTEST)


def _alike(named: frozenset[str], sold: frozenset[str]) -> bool:
    """Whether they share a word, an ending of one or two letters apart: `croissant`, `croissants`."""
    if named & sold:
        return True
    return any(
        abs(len(one) - len(other)) <= 2 and min(len(one), len(other)) > _SHORTEST
        and (one.startswith(other) or other.startswith(one))
        for one in named for other in sold
    )  # fmt: skip


_PURCHASE, _REDEMPTION = table_of(Purchase), table_of(Redemption)
_LINES = (
    select(_PURCHASE.c.lines)
    .where(_PURCHASE.c.member_id == bindparam("member"))
    .order_by(_PURCHASE.c.occurred_at.desc(), _PURCHASE.c.id.desc())
    .limit(ORDERS)
)
_HAD = (
    select(_REDEMPTION.c.reward_id, func.count().label("times"))
    .where(_REDEMPTION.c.member_id == bindparam("member"), _REDEMPTION.c.state == "confirmed")
    .group_by(_REDEMPTION.c.reward_id)
)
