"""The wheel: a spin is offered with a promise, then drawn, once.

An offer costs nothing and is good until its period is over, the wheel's dates are, or another wheel is put up; then
one asks anew. The draw takes the spin, its price and the prize's stock in one transaction, and nothing if it fails.
`loyalty.games.draw` has the arithmetic, `loyalty.games.spins` what members are shown.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from loyalty.books.overview import points_of
from loyalty.books.points import Books
from loyalty.errors import Conflict, NotFound, Refused
from loyalty.games import draw as drawing
from loyalty.games.spins import (
    Drawn,
    Odds,
    Offered,
    Proof,
    fields_of,
    item,
    number_of,
    odds,
    proof,
    proof_of,
    read,
    wheel_of,
)
from loyalty.ids import Cause, MemberId, ProgrammeId, SpinId, new_id
from loyalty.people.owned import lock_owner, may_play, player
from loyalty.programme import Programme
from loyalty.rewards import gifts, stock
from loyalty.rules.games import Prize, Wheel
from loyalty.rules.parts import period_of
from loyalty.tables import Member, Spin, Voucher

__all__ = ["Drawn", "Odds", "Offered", "Proof", "draw", "latest", "left", "odds", "offer", "proof", "standing"]


def offer(session: Session, programme: Programme, member: Member, *, key: str, now: datetime) -> Offered:
    """Offer a spin. The same key gives the same spin; one that was not drawn and is still good is offered again.

    Raises `Refused` with reason `gone` (there is no wheel), `not_joined`, `not_now` (not on this day), `limit` (no more
    in this period, with `count` and `every`) or `points` (too few for the price, with `missing`).
    """
    books = player(session, programme.id, member, now=now)
    known = session.scalar(select(Spin).where(Spin.programme_id == programme.id, Spin.key == key))
    if known is not None:
        if known.member_id != books.member:
            raise Conflict(f"the spin key {key!r} was used for somebody else")
        return _offered(session, programme, known)
    wheel = _wheel(books, programme)
    number = _allowed(books, programme, wheel)
    missing = wheel.price - points_of(session, books.member).available
    if missing > 0:
        raise Refused("points", "not enough points for a spin", missing=missing)
    open_ = _open(session, programme, wheel, books.member, now)
    if open_ is not None:
        return _offered(session, programme, open_)
    seed = drawing.new_seed() if wheel.chance else ""
    row = Spin(
        id=new_id(), programme_id=programme.id, member_id=books.member, wheel=wheel.id,
        period=_period(programme, wheel, now), number=number, key=key, revision=programme.revision,
        commitment=drawing.commit(seed) if seed else "", seed=seed, nonce=None, place=None, drawn=None, prize=None,
        created_at=now, drawn_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return _offered(session, programme, row)


def draw(session: Session, programme: Programme, spin: SpinId, *, nonce: str, now: datetime) -> Drawn:
    """Draw a spin, once: asked again, with whatever nonce, it answers the same and does nothing.

    `nonce` is the member's own part: 1 to 64 printable signs. Raises `NotFound`, `Invalid`, or `Refused` with the
    reasons of `offer`, `changed` (another wheel was put up since) or `over` (the period is): ask for a new spin then.
    """
    row = read(session, programme, spin)
    books = lock_owner(session, programme.id, row, now=now)
    if row.drawn_at is not None:
        return _drawn(books, programme, row)
    wheel = _wheel(books, programme)
    if row.wheel != wheel.id or wheel_of(session, programme, row) != wheel:
        raise Refused("changed", "the wheel has changed since this spin was offered")
    if row.period != _period(programme, wheel, now):
        raise Refused("over", "this spin was offered for a period that is over")
    _allowed(books, programme, wheel)
    own = drawing.check_nonce(nonce) if wheel.chance else None
    place = None if wheel.chance else _next_place(books, wheel)
    number = number_of(wheel, row, own, place)
    assert number is not None  # one of both decides
    prize = wheel.prize(drawing.prize_at(number, fields_of(wheel)))
    if wheel.price:  # before anything is changed: it may be refused
        books.spend(wheel.price, cause=Cause(f"spin-price:{spin}"), kind="game", memo={"wheel": wheel.id})
    given = prize if _take(session, programme.id, wheel, prize) else wheel.prize(str(prize.instead))
    if given.gift is not None:
        gifts.give(
            books, programme, given.gift, origin=_origin(row), cause=Cause(_origin(row)), kind="game",
            occurred_at=now, memo={"wheel": wheel.id, "prize": given.id},
        )  # fmt: skip
    row.nonce, row.place, row.drawn, row.prize, row.drawn_at = own, place, prize.id, given.id, now
    session.flush()
    return _drawn(books, programme, row)


def standing(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> Offered | None:
    """The spin that is offered to a member and not drawn yet, while it is good; changes nothing."""
    wheel = programme.games.wheel
    row = _open(session, programme, wheel, member, now) if wheel is not None else None
    return _offered(session, programme, row) if row is not None else None


def left(session: Session, programme: Programme, member: MemberId, *, now: datetime) -> int:
    """How many spins a member still has in the period that runs; 0 without a wheel."""
    wheel = programme.games.wheel
    if wheel is None:
        return 0
    query = select(func.count(Spin.drawn_at)).where(_hers(member, programme, wheel, now))
    return max(wheel.spins.count - (session.scalar(query) or 0), 0)


def latest(session: Session, programme: Programme, member: MemberId) -> Proof | None:
    """The proof of the spin that a member drew last; None if she never did."""
    drawn = select(Spin).where(Spin.member_id == member, Spin.drawn_at.is_not(None))
    row = session.scalars(drawn.order_by(Spin.drawn_at.desc(), Spin.id.desc()).limit(1)).first()
    return proof_of(session, programme, row) if row is not None else None


def _open(session: Session, programme: Programme, wheel: Wheel, member: MemberId, now: datetime) -> Spin | None:
    """Her spin of this very wheel that was offered in this period and not drawn."""
    offered = select(Spin).where(_hers(member, programme, wheel, now), Spin.drawn_at.is_(None))
    return next((row for row in session.scalars(offered).all() if wheel_of(session, programme, row) == wheel), None)


def _wheel(books: Books, programme: Programme) -> Wheel:
    """The wheel, if the member may spin it at this moment."""
    wheel = programme.games.wheel
    if wheel is None:
        raise Refused("gone", "the programme has no wheel")
    if not may_play(books):
        raise Refused("not_joined", "only members can spin the wheel")
    if not wheel.dates.holds(books.now.astimezone(programme.zone).date()):
        raise Refused("not_now", "the wheel cannot be spun on this day")
    return wheel


def _allowed(books: Books, programme: Programme, wheel: Wheel) -> int:
    """The number of the member's next spin in this period, if she may have one more."""
    query = select(func.count(Spin.drawn_at), func.max(Spin.number)).where(
        _hers(books.member, programme, wheel, books.now)
    )
    drawn, number = books.session.execute(query).one()
    if drawn >= wheel.spins.count:
        raise Refused("limit", "no more spins in this period", count=wheel.spins.count, every=wheel.spins.every)
    return (number or 0) + 1


def _hers(member: MemberId, programme: Programme, wheel: Wheel, now: datetime) -> ColumnElement[bool]:
    """Which spins are the member's, in this period."""
    period = _period(programme, wheel, now)
    return (Spin.member_id == member) & (Spin.wheel == wheel.id) & (Spin.period == period)


def _next_place(books: Books, wheel: Wheel) -> int:
    query = select(func.max(Spin.place)).where(Spin.member_id == books.member, Spin.wheel == wheel.id)
    return (books.session.scalar(query) or 0) + 1


def _take(session: Session, programme: ProgrammeId, wheel: Wheel, prize: Prize) -> bool:
    """Take a prize, if there is one left. Prizes without limits are not counted: draws would wait for one another."""
    if prize.instead is None:
        return True
    return stock.take(session, programme, item(wheel, prize), stock=prize.stock, cost=prize.cost, budget=prize.budget)


def _offered(session: Session, programme: Programme, row: Spin) -> Offered:
    wheel = wheel_of(session, programme, row)
    return Offered(SpinId(row.id), row.commitment or None, odds(session, programme.id, wheel), wheel.price)


def _drawn(books: Books, programme: Programme, row: Spin) -> Drawn:
    wheel = wheel_of(books.session, programme, row)
    number = number_of(wheel, row, row.nonce, row.place)
    if number is None:
        raise NotFound("the member of this spin was erased", field="spin")
    assert row.drawn is not None  # both came with the draw
    assert row.prize is not None
    code = books.session.scalar(
        select(Voucher.code).where(Voucher.programme_id == programme.id, Voucher.origin == _origin(row))
    )
    return Drawn(
        SpinId(row.id), wheel.prize(row.drawn), wheel.prize(row.prize), number,
        row.seed or None, row.nonce, books.granted(_origin(row)), code,
    )  # fmt: skip


def _period(programme: Programme, wheel: Wheel, now: datetime) -> str:
    return period_of(wheel.spins.every, now, programme.zone)


def _origin(row: Spin) -> str:
    """The business key of what a spin gave."""
    return f"spin:{row.id}"
