"""What a spin of the wheel looks like: the published odds, the promise, the answer, the proof. Nothing changes here."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from loyalty.errors import NotFound
from loyalty.games import draw
from loyalty.games.draw import Field
from loyalty.ids import ProgrammeId, SpinId
from loyalty.programme import Programme
from loyalty.revisions import rules_of
from loyalty.rewards import stock
from loyalty.rules.games import Prize, Wheel
from loyalty.tables import Spin


@dataclass(frozen=True, slots=True)
class Odds:
    """What is published of a field: its prize, its share of the numbers, what is left, what is given instead."""

    prize: Prize
    weight: int
    total: int
    left: int | None
    """How many can still be given; None: any number."""
    instead: Prize | None
    """What is given once nothing is left."""

    @property
    def chance(self) -> Fraction:
        """How likely it is, exactly. (Without chance: how often it comes in one round of the wheel.)"""
        return Fraction(self.weight, self.total)


@dataclass(frozen=True, slots=True)
class Offered:
    """A spin before it is drawn: what the member is shown."""

    spin: SpinId
    commitment: str | None
    """The promise, SHA-256 of the seed; None without chance."""
    odds: tuple[Odds, ...]
    price: int
    """Points that the draw costs."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A spin after it was drawn, with what it gave."""

    spin: SpinId
    drawn: Prize
    given: Prize
    """Another prize than the drawn one, if that had run out."""
    number: int
    """Where the wheel stopped: 0 to total - 1."""
    seed: str | None
    nonce: str | None
    """The member's own part; seed and nonce are None without chance."""
    points: int
    code: str | None
    """Of the voucher, if there is one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """All that anybody needs to verify a spin, with the wheel as it was; it gives no voucher away.

    What is known only after the draw is None before it. Nonce and number are also None once the member was erased:
    her words are gone, and with them the proof.
    """

    spin: SpinId
    wheel: Wheel
    offered_at: datetime
    commitment: str | None
    place: int | None
    """Without chance, which of the member's spins it was: that decides."""
    seed: str | None
    nonce: str | None
    number: int | None
    drawn: Prize | None
    given: Prize | None

    @property
    def holds(self) -> bool:
        """Whether it was drawn as it had been promised."""
        fields = fields_of(self.wheel)
        if self.drawn is None or self.given is None or self.given.id not in {self.drawn.id, self.drawn.instead}:
            return False
        if not self.wheel.chance:
            return self.place is not None and draw.prize_at(draw.turn(self.place, fields), fields) == self.drawn.id
        if self.commitment is None or self.seed is None or self.nonce is None:
            return False
        return draw.verify(
            spin=self.spin, commitment=self.commitment, seed=self.seed, nonce=self.nonce, fields=fields,
            prize=self.drawn.id,
        )  # fmt: skip


def fields_of(wheel: Wheel) -> tuple[Field, ...]:
    """The fields of a wheel, in the published order."""
    return tuple(Field(prize.id, prize.weight) for prize in wheel.prizes)


def odds(session: Session, programme: ProgrammeId, wheel: Wheel) -> tuple[Odds, ...]:
    """What is published before each spin, field by field, with what is left at this moment."""
    taken = stock.taken(session, programme, [item(wheel, prize) for prize in wheel.prizes])
    return tuple(
        Odds(
            prize, prize.weight, wheel.total,
            taken.get(item(wheel, prize), stock.Taken()).left(prize.stock, prize.cost, prize.budget),
            wheel.prize(prize.instead) if prize.instead else None,
        )
        for prize in wheel.prizes
    )  # fmt: skip


def item(wheel: Wheel, prize: Prize) -> str:
    """The name under which a prize's stock is kept."""
    return f"prize:{wheel.id}:{prize.id}"


def proof(session: Session, programme: Programme, spin: SpinId) -> Proof:
    """What is known of a spin; of one that was not drawn, the promise only. Raises `NotFound`."""
    return proof_of(session, programme, read(session, programme, spin))


def proof_of(session: Session, programme: Programme, row: Spin) -> Proof:
    """What is known of the spin in a row."""
    wheel = wheel_of(session, programme, row)
    seed = number = drawn = given = None
    if row.drawn is not None and row.prize is not None:
        seed, drawn, given = row.seed or None, wheel.prize(row.drawn), wheel.prize(row.prize)
        if row.nonce is not None or row.place is not None:  # the nonce of somebody who was erased is gone
            number = number_of(wheel, row, row.nonce, row.place)
    return Proof(
        SpinId(row.id), wheel, row.created_at, row.commitment or None, row.place, seed, row.nonce, number, drawn, given
    )  # fmt: skip


def read(session: Session, programme: Programme, spin: SpinId) -> Spin:
    """The row of a spin. Raises `NotFound`."""
    row = session.get(Spin, spin)
    if row is None or row.programme_id != programme.id:
        raise NotFound("there is no such spin", field="spin")
    return row


def wheel_of(session: Session, programme: Programme, row: Spin) -> Wheel:
    """The wheel as it was when a spin was offered."""
    wheel = rules_of(session, programme, row.revision).games.wheel
    assert wheel is not None  # or the spin could not have been offered
    return wheel


def number_of(wheel: Wheel, row: Spin, nonce: str | None, place: int | None) -> int | None:
    """The number of a spin: by its seed and the nonce, or without chance by its place. None without any of both."""
    if place is not None:
        return draw.turn(place, fields_of(wheel))
    return draw.number(row.seed, row.id, nonce, wheel.total) if nonce is not None else None
