"""What should be in a ledger, as lists and sums: the model `test_ledger_machine` compares it with."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from loyalty.ids import MemberId


@dataclass
class Pile:
    """Points earned together."""

    origin: str
    pending: int
    available: int
    activates_at: datetime
    expires_at: datetime


@dataclass
class Hold:
    """Points set aside, and the piles they came from."""

    phone: str
    parts: list[tuple[Pile, int]]
    expires_at: datetime
    state: str = "held"
    code: str = ""

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


@dataclass
class Person:
    """What a member has, as a model."""

    id: MemberId
    joined: bool = False
    imported: bool = False
    debt: int = 0
    lifetime: int = 0
    piles: list[Pile] = field(default_factory=list)

    def earn(self, points: int, origin: str, now: datetime, activates_at: datetime, expires_at: datetime) -> None:
        pile = Pile(origin, 0, 0, activates_at, expires_at)
        self.piles.append(pile)
        self.lifetime += points
        if activates_at > now:
            pile.pending = points
        else:
            self.receive(pile, points)

    def receive(self, pile: Pile, points: int) -> None:
        paid = min(self.debt, points)
        self.debt -= paid
        pile.available += points - paid

    def spendable(self, now: datetime) -> list[Pile]:
        left = [pile for pile in self.piles if pile.available and pile.expires_at > now]
        return sorted(left, key=lambda pile: pile.expires_at)

    def take_back(self, points: int, origin: str, now: datetime) -> None:
        self.lifetime -= points
        own = [pile for pile in self.piles if pile.origin == origin]
        for pile in own:
            part = min(points, pile.pending)
            pile.pending -= part
            points -= part
        for pile in own + [pile for pile in self.spendable(now) if pile.origin != origin]:
            part = min(points, pile.available)
            pile.available -= part
            points -= part
        self.debt += points


@dataclass
class Order:
    """What was reported of an order."""

    phone: str
    paid: Decimal
    refunds: dict[str, Decimal] = field(default_factory=dict)
    earned: int = 0

    @property
    def left(self) -> Decimal:
        return max(self.paid - sum(self.refunds.values()), Decimal(0))
