"""What passes from one member to another when the two turn out to be one person: pure data, both sides."""

from collections.abc import Iterable
from dataclasses import dataclass

from loyalty.books.lots import LotRow
from loyalty.books.posting import Account, Leg, NewLot, Position, receive
from loyalty.ids import LotId, new_id


@dataclass(frozen=True, slots=True)
class Handover:
    """The two sides. Their legs in `transfer` cancel each other out."""

    out: tuple[Leg, ...]
    in_: tuple[Leg, ...]
    opens: tuple[NewLot, ...]
    """The taker's new lots: as the giver's were, with what was left in them."""
    lifetime: int
    """What the giver has earned in her life, which the taker has from now on."""


def hand_over(left: Iterable[LotRow], giver: Position, debt: int) -> Handover:
    """Everything pending and available of the giver (`left`), her debt, and what she has earned in her life.

    `debt` is the taker's: it and the giver's are paid off from what arrives available, first-expiring first. What
    the giver holds stays with her until it is settled.
    """
    out: list[Leg] = []
    in_: list[Leg] = []
    opens = []
    arriving = []
    for lot in sorted(left, key=lambda lot: (lot.expires_at is None, lot.expires_at or lot.created_at, lot.id)):
        new = NewLot(LotId(new_id()), lot.origin, lot.created_at, lot.activates_at, lot.expires_at)
        opens.append(new)
        arriving.append((new.id, lot.remaining))
        for account, amount in ((Account.PENDING, lot.pending), (Account.AVAILABLE, lot.remaining)):
            if amount:
                out += [Leg(account, -amount, lot.id), Leg(Account.TRANSFER, amount, lot.id)]
                in_ += [Leg(Account.TRANSFER, -amount, new.id)]
        if lot.pending:
            in_.append(Leg(Account.PENDING, lot.pending, new.id))
    if giver.debt:
        out += [Leg(Account.DEBT, giver.debt), Leg(Account.TRANSFER, -giver.debt)]
        in_ += [Leg(Account.TRANSFER, giver.debt), Leg(Account.DEBT, -giver.debt)]
    in_ += receive(arriving, debt + giver.debt)
    nothing = [Leg(Account.TRANSFER, 0)]  # the merge is told of even so, and with it what was earned in a life
    return Handover(tuple(out or nothing), tuple(in_ or nothing), tuple(opens), giver.lifetime)
