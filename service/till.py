"""Vouchers at the till: validate, use, undo."""

from decimal import Decimal

from aiohttp import web

from loyalty.codes import show_code
from loyalty.rewards import vouchers
from loyalty.rewards.vouchers import Validity
from service.once import Change, change, read_body, view
from service.schemas.rewards import VoucherQuery, VoucherState, VoucherUndo, VoucherUsed, VoucherUseIn


async def validate(request: web.Request) -> web.Response:
    """What a voucher is good for, or why it is not. Nothing is changed."""
    body = await read_body(request, VoucherQuery)
    amount = None if body.amount is None else Decimal(body.amount)
    return await view(
        request,
        lambda session, programme, now: _state(
            vouchers.validate(session, programme, body.code, amount=amount, now=now), body.code
        ),
    )


async def consume(request: web.Request) -> web.Response:
    """Use a voucher once for a sale; the same sale again gets the same answer."""
    body = await read_body(request, VoucherUseIn)
    amount = None if body.amount is None else Decimal(body.amount)

    def work(at: Change) -> VoucherUsed:
        use = vouchers.consume(
            at.session, at.programme, body.code, key=body.id, place=body.place, amount=amount, now=at.now
        )
        return VoucherUsed(
            id=use.key, voucher=use.voucher, reward=use.reward, kind=use.kind,
            value=None if use.value is None else str(use.value), used_at=use.used_at,
        )  # fmt: skip

    return await change(request, work)


async def undo(request: web.Request) -> web.Response:
    """Undo the use of a voucher, for a sale that was cancelled."""
    body = await read_body(request, VoucherUndo)

    def work(at: Change) -> VoucherState:
        code = vouchers.undo_use(
            at.session, at.programme, key=body.id, author=f"{at.actor}: {body.author}", reason=body.reason, now=at.now
        )
        return _state(vouchers.validate(at.session, at.programme, code, amount=None, now=at.now), code)

    return await change(request, work)


def _state(found: Validity, code: str) -> VoucherState:
    voucher = found.voucher
    return VoucherState(
        code=show_code(voucher.code) if voucher else code,
        usable=found.why_not is None,
        why_not=found.why_not,
        reward=voucher.reward_id if voucher else None,
        name=voucher.reward_name if voucher else None,
        kind=voucher.kind if voucher else None,
        value=str(voucher.value) if voucher and voucher.value is not None else None,
        minimum=str(voucher.minimum) if voucher and voucher.minimum else None,
        uses_left=voucher.uses - voucher.used if voucher else None,
        expires_at=voucher.expires_at if voucher else None,
    )
