"""Who gets which variant: decided by a hash of the campaign's salt and her id, the same however often it is asked."""

import hashlib
from collections.abc import Sequence

from campaigns.design import CONTROL

_PARTS = 2**32


def arm_of(salt: str, member: str, arms: Sequence[str], control_share: float) -> str:
    """The variant of a member, or `control`. Each is as likely as any other; nobody can choose."""
    digest = hashlib.sha256(f"{salt}:{member}".encode()).digest()
    chance, which = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:12], "big")
    if chance < control_share * _PARTS:
        return CONTROL
    return arms[which % len(arms)]


def expected_shares(arms: Sequence[str], control_share: float) -> dict[str, float]:
    """What share of the people each arm is to have."""
    shares = {arm: (1 - control_share) / len(arms) for arm in arms}
    return {**shares, CONTROL: control_share} if control_share else shares
