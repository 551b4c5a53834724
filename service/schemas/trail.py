"""The trail."""

from datetime import datetime

from pydantic import BaseModel


class TrailOut(BaseModel):
    """Who did what, when."""

    id: str
    actor: str
    action: str
    subject: str | None
    detail: dict[str, object]
    at: datetime


class TrailPage(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    entries: list[TrailOut]
    next: str | None
