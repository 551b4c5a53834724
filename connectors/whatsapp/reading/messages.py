"""Messages of customers, of every age: with or without user ids, contacts, contexts."""

from connectors.whatsapp.reading.contents import content_of, echo_of
from connectors.whatsapp.reading.senders import People
from connectors.whatsapp.reading.values import (
    Json,
    id_of,
    instant_of,
    object_of,
    phone_of,
    text_of,
    user_id_of,
    word_of,
)
from conversation.arriving.incoming import Contacts, Incoming, Product, Referral, Sender


def message_of(message: Json, people: People, number_id: str | None) -> Incoming | None:
    """A message; None if it does not say who sent it, to which number, or which one it is."""
    id_ = id_of(message.get("id"))
    sender = people.sender(phone_of(message.get("from")), user_id_of(message.get("from_user_id")))
    if id_ is None or number_id is None or not sender.key:
        return None
    content = content_of(message)
    if isinstance(content, Contacts) and sender.phone is None and content.own_phone:
        sender = Sender(content.own_phone, sender.user_id, sender.name)  # WhatsApp vouches for it: she was asked
    context = object_of(message.get("context"))
    return Incoming(
        id_, number_id, sender, instant_of(message.get("timestamp")), content,
        in_reply_to=id_of(context.get("id")),
        referral=_referral(object_of(message.get("referral"))),
        product=_product(object_of(context.get("referred_product"))),
    )  # fmt: skip


def echo_message_of(message: Json, people: People, number_id: str | None) -> Incoming | None:
    """What the business wrote past us (Meta: `smb_message_echoes`): it stands in the chat of whom it was sent to."""
    id_ = id_of(message.get("id"))
    customer = people.sender(phone_of(message.get("to")), user_id_of(message.get("to_user_id")))
    if id_ is None or number_id is None or not customer.key:
        return None
    return Incoming(id_, number_id, customer, instant_of(message.get("timestamp")), echo_of(message))


def _referral(told: Json) -> Referral | None:
    referral = Referral(
        word_of(told.get("source_type"), 32), word_of(told.get("source_id"), 64), text_of(told.get("source_url"), 500),
        text_of(told.get("headline"), 300), word_of(told.get("ctwa_clid"), 300),
    )  # fmt: skip
    return None if referral == Referral() else referral


def _product(told: Json) -> Product | None:
    product = word_of(told.get("product_retailer_id"), 128)
    return Product(word_of(told.get("catalog_id"), 64) or "", product) if product else None
