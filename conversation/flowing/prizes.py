"""The voucher that a game gave, as it is told."""

from sqlalchemy import select

from conversation.flowing.part import At
from flows.model import Value
from loyalty.ids import RewardId
from loyalty.programme import last_day
from loyalty.tables import Voucher


def prize(at: At, code: str | None) -> dict[str, Value]:
    """`code`, `reward` and `until` of a voucher, for `game.prize`; all empty if there is none."""
    row = None
    if code is not None:
        query = select(Voucher).where(Voucher.programme_id == at.programme.id, Voucher.code == code)
        row = at.session.scalars(query).one()
    if row is None:
        return {"code": "", "reward": "", "until": ""}
    reward = at.programme.reward(RewardId(row.reward_id))
    until = last_day(row.expires_at, at.programme.zone).isoformat() if row.expires_at else ""
    return {"code": row.code, "reward": reward.name[at.language] if reward else row.reward_name, "until": until}
