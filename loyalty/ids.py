"""Identifiers: one type each, so that they cannot be mixed up."""

from typing import NewType

import uuid_utils

ProgrammeId = NewType("ProgrammeId", str)
MemberId = NewType("MemberId", str)
LotId = NewType("LotId", str)
TransactionId = NewType("TransactionId", str)
RedemptionId = NewType("RedemptionId", str)
VoucherId = NewType("VoucherId", str)
RewardId = NewType("RewardId", str)
ReferralId = NewType("ReferralId", str)
SpinId = NewType("SpinId", str)
AttemptId = NewType("AttemptId", str)
RevisionId = NewType("RevisionId", str)
"""Names the exact rules of a programme at one time."""
Cause = NewType("Cause", str)
"""The business key of a change, e.g. `purchase:till-7/000123`. One cause has one effect, ever."""


def new_id() -> str:
    """A fresh identifier: 32 hexadecimal digits of a version 7 UUID, so rows lie in order of creation."""
    return uuid_utils.uuid7().hex
