"""What shops pass on about privacy: a customer asks for her data, is to be forgotten, or the shop is gone."""

from sqlalchemy import ColumnElement, delete, or_, select, update

import conversation.caring.rights
import loyalty.rights.erasure
from conversation.alarms import raise_alarm
from conversation.caring.handovers import calm
from loyalty import trail
from loyalty.ids import MemberId
from loyalty.people.members import find_members
from loyalty.tables import ParkedEvent
from service.shops import inbox
from service.shops.news import DataRequest, Redaction, ShopGone
from service.shops.people import names_of
from service.shops.posting import DONE, Posting, Worked
from service.shops.tables import ShopDelivery

DATA_REQUEST, REDACTION, SHOP_GONE = "shop_data_request", "shop_redaction", "shop_gone"
"""Kinds of alarms. Somebody has to answer within a month: shopify.dev, privacy law compliance."""


def data_request(at: Posting, news: DataRequest) -> Worked:
    """A person has to answer: an alarm says whose data to send, the trail that it was asked for."""
    found = find_members(at.session, at.programme.id, names_of(at.programme, at.shop, news.customer).all)
    ids = sorted({member.id for member in found.values()})
    named = news.request or news.customer.id or "unnamed"
    where = ", ".join(f"GET /v1/members/{id_}/export" for id_ in ids) or "nobody here has her number or phone"
    raise_alarm(
        at.session, DATA_REQUEST,
        f"a customer of {at.shop.name} asks what is known of her (request {named}): {where}; answer within 30 days",
        now=at.now, subject=f"{at.shop.name}/{named}",
    )  # fmt: skip
    for id_ in ids or (None,):
        trail.note(
            at.session, at.programme.id, actor=at.shop.source, action="shop.data_request", subject=id_,
            detail={"shop": at.shop.name, "request": named}, now=at.now,
        )  # fmt: skip
    return DONE


def redact(at: Posting, news: Redaction) -> Worked:
    """Forget a customer: as a member if she is one, and what waits of her orders. A person looks for others.

    Her number in the shop decides who she is, then the phone of her account there: never two members.
    """
    names = names_of(at.programme, at.shop, news.customer)
    found = find_members(at.session, at.programme.id, names.all)
    member = next((found[ref] for ref in names.all if ref in found), None)
    orders = [f"{kind}:{at.shop.order(id_)}" for id_ in news.orders for kind in ("purchase", "cancellation")]
    hers: list[ColumnElement[bool]] = [ParkedEvent.key.in_(orders)]
    hers.append(ParkedEvent.member_ref.in_([str(ref) for ref in names.all]))
    _forget(at, ParkedEvent.programme_id == at.programme.id, or_(*hers))
    keys = [f"{at.shop.source}:{at.shop.name}/order/{id_}" for id_ in news.orders]
    keys.append(f"{at.shop.source}:{at.shop.name}/customer/{news.customer.id}")
    _drop_words(at, ShopDelivery.key.in_(keys) & (ShopDelivery.state == inbox.PARKED))
    if member is not None:
        id_, actor = MemberId(member.id), f"{at.shop.source} {at.shop.name}"
        conversation.caring.rights.erase(at.session, at.programme, id_, at.now)
        loyalty.rights.erasure.erase(at.session, at.programme, id_, at.now, actor=actor)
        calm(at.session, at.programme.id, at.now)
    else:
        raise_alarm(
            at.session, REDACTION,
            f"{at.shop.name} wants customer {news.customer.id or 'without a number'} forgotten; nobody here has her "
            "number or phone: look for her by e-mail in the shop, and erase her if she is a member",
            now=at.now, subject=f"{at.shop.name}/{news.customer.id or ''}",
        )  # fmt: skip
    return DONE


def gone(at: Posting, news: ShopGone) -> Worked:
    """The shop took us out, or 48 hours later wants its data forgotten: what waits of it goes, the books stay."""
    detail = f"{at.shop.name} uninstalled the app: no orders come from it any more"
    if news.why == "redact":
        detail = f"{at.shop.name} had its data forgotten: what waited of its orders is gone; members and points stay"
        prefix = at.shop.order("")
        kinds = ("purchase", "refund", "edit", "cancellation")
        keys = [ParkedEvent.key.startswith(f"{kind}:{prefix}", autoescape=True) for kind in kinds]
        _forget(at, ParkedEvent.programme_id == at.programme.id, or_(*keys))
        of_shop = (ShopDelivery.source == at.shop.source) & (ShopDelivery.shop == at.shop.name)
        _drop_words(at, of_shop & (ShopDelivery.state == inbox.PARKED))
    raise_alarm(at.session, SHOP_GONE, detail, now=at.now, subject=f"{at.shop.source}/{at.shop.name}")
    trail.note(
        at.session, at.programme.id, actor=at.shop.source, action=f"shop.{news.why}", subject=None,
        detail={"shop": at.shop.name}, now=at.now,
    )  # fmt: skip
    return DONE


def _forget(at: Posting, *which: ColumnElement[bool]) -> None:
    ids = select(ParkedEvent.id).where(*which)
    statement = delete(ParkedEvent).where(ParkedEvent.id.in_(ids))
    at.session.execute(statement.execution_options(synchronize_session=False))


def _drop_words(at: Posting, which: ColumnElement[bool]) -> None:
    values = {"state": inbox.IGNORED, "body": b"", "settled_at": at.now}
    at.session.execute(update(ShopDelivery).where(which).values(values).execution_options(synchronize_session=False))
