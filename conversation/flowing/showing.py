"""The flow of her vouchers at work."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select

from conversation.flowing.part import At, Closed, Part
from conversation.flowing.pictures import code_picture
from conversation.flowing.redeeming import reward_called
from flows.model import Effect, Event, Phrase, Saved
from flows.vouchers import Draw, VoucherFact, Vouchers, VouchersFacts
from loyalty.money import Money
from loyalty.programme import last_day
from loyalty.rewards import vouchers
from loyalty.tables import Voucher


@dataclass(frozen=True, slots=True)
class Showing(Part[VouchersFacts]):
    """Showing codes, and one of them with its picture."""

    public_url: str = ""
    flow = Vouchers()
    intent = "my_vouchers"

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is not None or vouchers.open_ones(at.session, at.member_id, at.now):
            return None
        return Closed(Phrase("join.first"), ("join_program", "list_rewards"))

    def arguments(self, at: At, args: Mapping[str, str]) -> Mapping[str, str]:
        """A voucher of a list, or the only one of a reward that is named."""
        if id_ := args.get("voucher"):
            return {"voucher": id_}
        reward = reward_called(at.programme, args.get("reward", ""))
        mine = [one.id for one in vouchers.open_ones(at.session, at.member_id, at.now) if one.reward_id == reward]
        return {"voucher": mine[0]} if len(mine) == 1 else {}

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> VouchersFacts:
        found = tuple(_fact(at, voucher) for voucher in vouchers.open_ones(at.session, at.member_id, at.now))
        usable = [voucher for voucher in found if voucher.standing == "usable"]
        named = args.get("voucher") or (saved.data.get("voucher") if saved is not None else None)
        row = at.session.get(Voucher, str(named)) if named else None
        hers = row is not None and row.member_id == at.member_id
        used, expired = _over(at)
        return VouchersFacts(
            (*usable, *(voucher for voucher in found if voucher.standing != "usable")), used, expired,
            _fact(at, row) if row is not None and hers else None, at.programme.contact[at.language],
        )  # fmt: skip

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, Draw)
        voucher = at.session.get_one(Voucher, effect.voucher)
        return Event("show", {"picture": code_picture(at, voucher.code, self.public_url)})


def _over(at: At) -> tuple[int, int]:
    """How many were used up, and how many expired without."""
    expired = (Voucher.status == "expired") | ((Voucher.status == "issued") & (Voucher.expires_at <= at.now))
    counted = select(
        func.sum(case((Voucher.status == "used", 1), else_=0)), func.sum(case((expired, 1), else_=0))
    ).where(Voucher.member_id == at.member_id)
    used, gone = at.session.execute(counted).one()
    return int(used or 0), int(gone or 0)


def _fact(at: At, voucher: Voucher) -> VoucherFact:
    reward = at.programme.reward(voucher.reward_id)
    name = reward.name[at.language] if reward else voucher.reward_name
    match vouchers.refusal(voucher, None, at.now):
        case "waiting":
            return VoucherFact(voucher.id, name, voucher.code, "waiting", _day(at, voucher, begins=True))
        case "used":
            day = voucher.used_at.astimezone(at.programme.zone).date().isoformat() if voucher.used_at else None
            return VoucherFact(voucher.id, name, voucher.code, "used", day)
        case "revoked":
            return VoucherFact(voucher.id, name, voucher.code, "revoked")
        case "expired":
            return VoucherFact(voucher.id, name, voucher.code, "expired", _day(at, voucher))
        case _:
            return VoucherFact(voucher.id, name, voucher.code, "usable", _day(at, voucher), _good_for(at, voucher))


def _day(at: At, voucher: Voucher, *, begins: bool = False) -> str | None:
    """Its last day, or its first."""
    zone = at.programme.zone
    if begins:
        return voucher.valid_from.astimezone(zone).date().isoformat() if voucher.valid_from else None
    return last_day(voucher.expires_at, zone).isoformat() if voucher.expires_at else None


def _good_for(at: At, voucher: Voucher) -> tuple[Phrase | str, ...]:
    """What the reward's own line says, else what follows from its terms; and how often it can still be used."""
    reward = at.programme.reward(voucher.reward_id)
    currency, said = at.programme.currency, list[Phrase | str]()
    minimum = Money(voucher.minimum, currency)
    ending = "_from" if voucher.minimum else ""
    if reward is not None and reward.detail is not None:
        said.append(reward.detail[at.language])
    elif voucher.kind == "percentage":
        said.append(Phrase(f"vouchers.percentage{ending}", {"value": voucher.value, "minimum": minimum}))
    elif voucher.kind == "amount" and voucher.value is not None:
        value = Money(voucher.value, currency)
        said.append(Phrase(f"vouchers.amount{ending}", {"value": value, "minimum": minimum}))
    elif voucher.minimum:
        said.append(Phrase("vouchers.from", {"minimum": minimum}))
    if voucher.uses > 1:
        said.append(Phrase("vouchers.uses", {"n": voucher.uses - voucher.used}))
    return tuple(said)
