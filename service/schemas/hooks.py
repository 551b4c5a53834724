"""Outgoing webhooks over `/v1`."""

from datetime import datetime, timedelta

from pydantic import AliasChoices, AwareDatetime, BaseModel, Field

from service.schemas.common import Input


class Subscribe(Input):
    """An address and what it wants to hear of. Zapier says `hookUrl` and `expiration_date`."""

    target_url: str = Field(validation_alias=AliasChoices("target_url", "hookUrl", "hook_url"), max_length=2000)
    event: str | list[str] = Field("*", description="a kind of news, several, or * for all")
    expiration: AwareDatetime | None = Field(
        None, validation_alias=AliasChoices("expiration", "expiration_date"), description="the hook ends then"
    )


class Rotate(Input):
    """How long the secret before stays good beside the new one."""

    overlap_hours: int = Field(24, ge=0, le=24 * 30)

    def overlap(self) -> timedelta:
        """The same as a span of time."""
        return timedelta(hours=self.overlap_hours)


class HookOut(BaseModel):
    """A hook, without its secret."""

    id: str
    target_url: str
    events: list[str]
    state: str
    """`active`, `paused` or `ended`."""
    why: str | None
    failures: int
    """Tries that failed since the last one that went well."""
    waiting: int
    dead: int
    expires_at: datetime | None
    former_secret_until: datetime | None
    created_by: str
    created_at: datetime


class HookCreated(HookOut):
    """A new hook. Its secret is shown this once; to a repeated request it is not."""

    secret: str | None


class HookSecret(BaseModel):
    """A new secret, shown this once; to a repeated request it is not."""

    id: str
    secret: str | None
    former_secret_until: datetime | None


class HookPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    hooks: list[HookOut]
    next: str | None


class DeliveryOut(BaseModel):
    """One piece of news for one hook. What it says is not kept: it is made when it is sent."""

    id: str
    event: str
    news: str | None
    """The `id` in the body; empty for a test."""
    state: str
    attempts: int
    next_try_at: datetime | None
    status: int | None
    error: str | None
    correlation: str | None
    created_at: datetime
    updated_at: datetime


class DeliveryPage(BaseModel):
    """Newest first; `next` is the cursor of the following page."""

    deliveries: list[DeliveryOut]
    next: str | None


class Replayed(BaseModel):
    """How many deliveries will be sent again."""

    replayed: int
