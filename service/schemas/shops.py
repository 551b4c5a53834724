"""What shops delivered that could not be worked off."""

from pydantic import AwareDatetime, BaseModel


class ShopDeliveryOut(BaseModel):
    """A delivery of a shop, without its words."""

    id: int
    source: str
    shop: str
    topic: str
    delivery_id: str
    about: str
    state: str
    reason: str | None
    attempts: int
    bytes: int
    received_at: AwareDatetime


class ShopDeliveryWords(ShopDeliveryOut):
    """A delivery with the words it came with, as far as they are text."""

    body: str


class ShopDeliveryPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    deliveries: list[ShopDeliveryOut]
    next: str | None
