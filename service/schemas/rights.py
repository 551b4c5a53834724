"""Export and erasure."""

from datetime import datetime

from pydantic import BaseModel, Field

from service.schemas.common import Input


class Export(BaseModel):
    """All that is known of a person, as of a moment."""

    at: datetime
    loyalty: dict[str, object]
    conversation: dict[str, object]


class Erasure(Input):
    """Who asks for the erasure. It cannot be undone."""

    author: str = Field(min_length=1, max_length=100)
