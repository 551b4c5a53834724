"""Customers who asked for a person."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.schemas.common import Input


class HandoverOut(BaseModel):
    """Somebody who waits for a person, talks to one, or did. `overdue`: nobody took it while the bot kept quiet."""

    id: str
    member: str
    name: str | None
    language: str
    state: Literal["waiting", "taken", "done"]
    reason: str
    asked_at: datetime
    quiet_until: datetime
    overdue: bool
    taken_by: str | None
    taken_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None


class HandoverPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    handovers: list[HandoverOut]
    next: str | None


class SaidOut(BaseModel):
    """A message while a person had her: from the `customer` or from `us`. `content` is all there is to it."""

    who: Literal["customer", "us"]
    at: datetime
    text: str
    state: str
    content: dict[str, object]


class HandoverDetail(HandoverOut):
    """A handover with what was said, oldest first, and whether a message of yours may go out now."""

    can_write: bool
    said: list[SaidOut]


class Take(Input):
    """Who takes care of her."""

    author: str = Field(min_length=1, max_length=100)


class StaffMessage(Input):
    """What is written to her, and who writes. `text` may have WhatsApp's marks, such as *bold*."""

    author: str = Field(min_length=1, max_length=100)
    text: str = Field(min_length=1, max_length=4096)
