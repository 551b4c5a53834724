"""What should be in a ledger, as lists and sums: the model `test_ledger_machine` compares it with."""

from dataclasses import dataclass, field, replace
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
    expired: int = 0

    def expire(self) -> None:
        self.available, self.expired = 0, self.expired + self.available


@dataclass
class Hold:
    """Points set aside, and the piles they came from."""

    phone: str
    parts: list[tuple[Pile, int]]
    expires_at: datetime
    state: str = "held"
    code: str = ""
    returned: bool = False

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
            self.receive([(pile, points)])

    def receive(self, parts: list[tuple[Pile, int]]) -> None:
        """Points become available; the first of them pay the debt."""
        for pile, points in parts:
            paid = min(self.debt, points)
            self.debt -= paid
            pile.available += points - paid

    def spendable(self, now: datetime) -> list[Pile]:
        left = [pile for pile in self.piles if pile.available and pile.expires_at > now]
        return sorted(left, key=lambda pile: pile.expires_at)

    def spend(self, points: int, now: datetime) -> list[tuple[Pile, int]]:
        """What is taken of which piles; it may be less than was asked for."""
        parts = []
        for pile in self.spendable(now):
            part = min(points, pile.available)
            if part:
                pile.available -= part
                points -= part
                parts.append((pile, part))
        return parts

    def adjust(self, points: int, now: datetime) -> None:
        """Take points by hand; what is missing is owed."""
        self.lifetime -= points
        self.debt += points - sum(part for _, part in self.spend(points, now))

    def take_back(self, points: int, origin: str, now: datetime, everybodys: list[Pile]) -> None:
        """`everybodys` piles, since those of the origin may have expired with whom she was before a merge."""
        self.lifetime -= points
        own = [pile for pile in self.piles if pile.origin == origin]
        of_others = [pile for pile in self.spendable(now) if pile.origin != origin]
        places = [(pile, "pending") for pile in own] + [(pile, "available") for pile in own]
        places += [(pile, "expired") for pile in everybodys if pile.origin == origin]
        for pile, place in places + [(pile, "available") for pile in of_others]:
            part = min(points, getattr(pile, place))
            setattr(pile, place, getattr(pile, place) - part)
            points -= part
        self.debt += points

    def hand_over(self, to: "Person") -> None:
        """All that is pending and available, the debt, and what was earned in a life."""
        left = [pile for pile in self.piles if pile.pending or pile.available]
        left.sort(key=lambda pile: pile.expires_at)
        new = [replace(pile, available=0, expired=0) for pile in left]
        to.debt, self.debt = to.debt + self.debt, 0
        to.lifetime, self.lifetime = to.lifetime + self.lifetime, 0
        to.piles += new
        to.receive([(pile, old.available) for pile, old in zip(new, left, strict=True)])
        for pile in left:
            pile.pending = pile.available = 0


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
