"""What a delivery says. Made when it is sent, so that nothing about a person is kept for it beside her own rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, RootModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty.ids import MemberId
from loyalty.people.members import Kind as IdentityKind
from loyalty.people.members import kept
from loyalty.tables import Identity, Member, News


class HookMember(BaseModel):
    """Whom it is about, as `/v1/members` names her."""

    id: str
    phone: str | None
    user_id: str | None
    external: list[str]
    """Her ids in other systems, `SOURCE:ID` each."""
    name: str | None
    language: str


class HookPayload(BaseModel):
    """The body of a delivery; `id` is the same in every delivery of this piece of news, however often it comes."""

    id: str
    type: str
    occurred_at: datetime
    programme: str
    member: HookMember
    data: dict[str, Any]
    test: bool = False
    """A sample: it did not happen."""


class HookSamples(RootModel[list[HookPayload]]):
    """What `GET /v1/hooks/sample` answers: a list, as Zapier asks for."""


def payload_of(session: Session, news: News) -> HookPayload | None:
    """What a piece of news says now; None if its member was erased meanwhile: nobody is to be told of her."""
    member = kept(session, session.get_one(Member, news.member_id))
    if member.erased_at is not None:
        return None
    return HookPayload(
        id=news.id, type=news.kind, occurred_at=news.at, programme=news.programme_id,
        member=_member(session, member), data=data_of(news),
    )  # fmt: skip


def data_of(news: News) -> dict[str, Any]:
    """What is to be said of a piece of news; what it came of (`by`) is our own affair."""
    return {name: value for name, value in news.about.items() if name != "by"}


def body_of(payload: HookPayload) -> bytes:
    """The bytes that are signed and sent."""
    return payload.model_dump_json().encode()


def _member(session: Session, member: Member) -> HookMember:
    query = select(Identity.kind, Identity.value).where(Identity.member_id == member.id).order_by(Identity.created_at)
    known: list[tuple[str, str]] = [(kind, value) for kind, value in session.execute(query)]
    newest: Mapping[str, str] = dict(known)
    return HookMember(
        id=MemberId(member.id), phone=newest.get(IdentityKind.PHONE), user_id=newest.get(IdentityKind.USER),
        external=sorted(value for kind, value in known if kind == IdentityKind.EXTERNAL), name=member.name,
        language=member.language,
    )  # fmt: skip
