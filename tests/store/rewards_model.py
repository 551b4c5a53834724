"""What should be with rewards, vouchers and gifts: the model `test_rewards_machine` compares the database with."""

from dataclasses import dataclass, field
from datetime import datetime

from loyalty.ids import MemberId, RedemptionId
from loyalty.rules.parts import Gift


@dataclass
class Coupon:
    """A voucher as it should be."""

    reward: str
    expires_at: datetime
    revoked: bool = False
    used: int = 0
    """By the uses that were not undone."""


@dataclass
class Person:
    id: MemberId
    points: int = 0
    """What she has free; below zero it is a debt."""
    held: int = 0


@dataclass
class Redeeming:
    """A redemption as it should be."""

    who: str
    reward: str
    day: str
    expires_at: datetime
    state: str = "held"


@dataclass
class Giving:
    """What an origin has given."""

    who: str
    gift: Gift
    points: int = 0
    given: bool = False
    changes: int = 0


@dataclass
class Used:
    origin: str
    undone: bool = False


@dataclass
class World:
    """What should be in the database."""

    people: dict[str, Person] = field(default_factory=dict)
    redemptions: dict[RedemptionId, Redeeming] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    """By the origin of the voucher."""
    givings: dict[str, Giving] = field(default_factory=dict)
    uses: dict[str, Used] = field(default_factory=dict)

    def taken(self, reward: str) -> int:
        held = sum(one.reward == reward and one.state == "held" for one in self.redemptions.values())
        return held + sum(one.reward == reward and not one.revoked for one in self.coupons.values())
