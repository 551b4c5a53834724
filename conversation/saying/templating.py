"""Choosing a template and filling it: what is said to a customer who has not written for a day.

A template is used only while WhatsApp approves of it, and counts as what WhatsApp bills it for: one that was turned
into marketing goes to those alone who want promotional messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from conversation.choosing.offers import make_offer
from conversation.errors import BadSentence
from conversation.leaving.outbox import MARKETING
from conversation.messages.cutting import cut
from conversation.messages.extras import Medium, Template
from conversation.messages.model import Choice, Message
from conversation.saying.sentences import Sentences
from conversation.saying.template_text import fitted, gaps_of, put_in
from conversation.tables import Conversation, TemplateRow
from flows.model import Ask
from loyalty.programme import Programme
from loyalty.tables import Member

log = structlog.get_logger()

APPROVED = "approved"
COPY_CODE = 15
"""Units a code has at most that a button copies (Meta: "Template components")."""


@dataclass(frozen=True, slots=True)
class TemplateMessage:
    """A template that may be sent: in which language, as what it counts, and what it says."""

    name: str
    language: str
    category: str
    content: Mapping[str, Any]

    def gaps(self) -> dict[str, str]:
        """Everything that has to be filled: names, and how the value of each is written."""
        buttons = (str(button.get("link") or button.get("code") or "") for button in self.content.get("buttons", ()))
        return gaps_of(" ".join((self.content["body"], *buttons)))


def counts_as(row: TemplateRow) -> str:
    """What a template is to those who get it: marketing as soon as anybody, or WhatsApp for tomorrow, calls it so."""
    return MARKETING if MARKETING in {row.declared, row.category, row.due} else row.category


def choose(
    session: Session, name: str, language: str, *, instead: str | None = None, wants_marketing: bool = False
) -> TemplateMessage | None:
    """The template in a language; else in the one `instead`, the programme's. None if there is none to be sent.

    What counts as marketing is left out unless she wants promotional messages.
    """
    wanted = [one for one in dict.fromkeys((language, instead)) if one is not None]
    query = select(TemplateRow).where(
        TemplateRow.name == name, TemplateRow.language.in_(wanted), TemplateRow.status == APPROVED
    )
    rows = {row.language: row for row in session.scalars(query)}
    for one in wanted:
        row = rows.get(one)
        if row is not None and (wants_marketing or counts_as(row) != MARKETING):
            return TemplateMessage(row.name, row.language, counts_as(row), row.content)
    return None


def fill(
    template: TemplateMessage, sentences: Sentences, values: Mapping[str, object], *, image: str | None = None
) -> Message:
    """The message with a template's gaps filled, its quick replies as choices. Values may be more than it needs.

    `image` is the address of the picture, for a template that has one. Raises `BadSentence` if a value is missing.
    Quick replies stand before other buttons, so their tokens find their places by themselves.
    """
    try:
        said = {name: sentences.write(template.language, values[name], spec) for name, spec in template.gaps().items()}
    except (KeyError, ValueError, TypeError, ArithmeticError, AssertionError) as error:
        raise BadSentence(f"data/templates/{template.name}.yml: cannot be filled in: {error}") from error
    body = str(template.content["body"])
    names = gaps_of(body)
    parameters = fitted(body, {name: said[name] for name in names})
    header = template.content.get("header") or {}
    if header.get("image") and image is None:
        raise BadSentence(f"data/templates/{template.name}.yml: needs the address of a picture for its header")
    choices: list[Choice] = []
    buttons: list[Mapping[str, Any]] = []
    for place, button in enumerate(template.content.get("buttons", ())):
        match button["kind"]:
            case "quick_reply":
                choices.append(Choice(Ask(button["asks"], {}), button["title"]))
            case "url" if found := gaps_of(button["link"]):
                ((name, _),) = found.items()
                buttons.append({"kind": "url", "index": place, "value": quote(said[name], safe="")})
            case "copy_code":
                ((name, _),) = gaps_of(button["code"]).items()
                buttons.append({"kind": "copy_code", "index": place, "value": cut(said[name], COPY_CODE)})
    picture = Medium("image", image) if image and header.get("image") else None
    extra = Template(template.name, template.language, parameters, picture, tuple(buttons), template.category)
    return Message(put_in(body, parameters), tuple(choices), extras=(extra,))


def as_part(
    session: Session, conversation: Conversation, message: Message, *, now: datetime, newest: bool = False
) -> dict[str, Any]:
    """A filled template as it goes to the outbox, its quick replies with tokens of ours.

    Typed words go on to answer the choice before it, unless it is the `newest` thing she sees.
    """
    before = conversation.offer_id
    (part,) = make_offer(session, conversation, message, saved=None, more="…", prompt="…", now=now)
    if not newest:
        conversation.offer_id = before
    return part


def notice(
    session: Session, conversation: Conversation, programme: Programme, sentences: Sentences, name: str,
    values: Mapping[str, object], *, now: datetime,
) -> dict[str, Any] | None:  # fmt: skip
    """A template for a member as it goes to the outbox, in her language or the programme's; None if there is none.

    One that cannot be filled is none: what it is about has happened, and must not fail for want of a message.
    """
    member = session.get_one(Member, conversation.member_id)
    chosen = choose(
        session, name, member.language, instead=programme.language, wants_marketing=member.marketing_opt_in
    )  # fmt: skip
    if chosen is None:
        return None
    known = {"programme": programme.name} | ({"name": member.name} if member.name else {})
    try:
        message = fill(chosen, sentences, {**known, **values})
    except BadSentence as error:
        log.error("a template cannot be filled in", template=chosen.name, language=chosen.language, error=str(error))
        return None
    return as_part(session, conversation, message, now=now)
