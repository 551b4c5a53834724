"""How bringing friends is rewarded, and what is looked at before it is."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from loyalty.rules.parts import Amount, Count, Gift, Part, Texts

Reaction = Literal["ignore", "hold", "reject"]
"""What a finding means: nothing, wait for a person's decision, or no reward."""


class Checks(Part):
    """What is looked at before a referral is rewarded. A family behind one address is held, not refused."""

    circle: Reaction = "reject"
    """Members who invited one another in a ring."""
    shared_payment: Reaction = "hold"
    shared_device: Reaction = "hold"
    shared_address: Reaction = "hold"
    shared_email: Reaction = "reject"
    a_day: Count = 10
    """More friends of one member in 24 hours are held."""
    an_hour: Count = 5
    """More friends of one member in an hour are held."""


class ReferralRule(Part):
    """What both sides get, when, and on what conditions."""

    terms: Texts
    """The conditions as members read them."""
    on: Literal["registration", "order"] = "order"
    order: Count = 1
    """Which of the friend's orders counts."""
    minimum: Amount = Decimal(0)
    """What that order must come to."""
    window_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long after the code was entered that order counts."""
    referrer: Gift | None = None
    friend: Gift | None = None
    pending_days: Annotated[int, Field(ge=0, le=365)] | None = None
    """How long rewards wait after that order; as long as the order's points unless set."""
    a_month: Count | None = None
    """How many friends a member is rewarded for in a calendar month."""
    checks: Checks = Checks()
    review_days: Annotated[int, Field(ge=1, le=365)] = 14
    """When a held referral is due for a decision. Without one it stays held."""
