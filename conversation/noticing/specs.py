"""Which news is a notice: by what name a programme leaves it out, what kind of message it is, which template says it.

What tells a member of her own balance, codes and levels is utility; what pleases or persuades is promotional (Meta:
"Template categorization" has birthdays, invitations and "we miss you" among its examples of marketing).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from loyalty.news import Happening, Kind
from loyalty.rules.notices import Notice

_CHALLENGES = ("list_challenges", "check_points")


@dataclass(frozen=True, slots=True)
class Spec:
    """How a kind of news is told. `SPECS` has them in the order in which they stand in one message."""

    notice: Notice
    asks: tuple[str, ...]
    """The questions that stand under it as buttons."""
    weight: int = 0
    """Outside the window one template goes out: that of the heaviest."""
    promotional: bool = False
    rides: bool = False
    """Promotional, but not a message of its own where there is another one: then it stands in that."""
    can_wait: bool = False
    """A reminder: it waits for the morning also where a programme says nothing of quiet hours."""


SPECS: Mapping[Kind, Spec] = {
    Kind.MEMBER_JOINED: Spec("welcome", ("check_points", "how_to_earn", "list_rewards"), 5),
    Kind.REWARD_REDEEMED: Spec("reward_redeemed", ("my_vouchers", "check_points"), 9),
    Kind.BIRTHDAY: Spec("birthday", ("check_points", "list_rewards"), promotional=True, can_wait=True),
    Kind.POINTS_EARNED: Spec("points_earned", ("check_points", "list_rewards"), 1),
    Kind.POINTS_TAKEN_BACK: Spec("points_taken_back", ("check_points", "points_history"), 4),
    Kind.REFERRAL_REWARDED: Spec("referral_rewarded", ("check_points", "referral_status"), 6),
    Kind.REFERRAL_JOINED: Spec("referral_joined", ("referral_status", "get_referral_link"), 2),
    Kind.TIER_REACHED: Spec("level_reached", ("check_tier", "check_points"), 7),
    Kind.MILESTONE_REACHED: Spec("milestone", _CHALLENGES, 3),
    Kind.BADGE_REACHED: Spec("badge", ("show_badges", "check_points"), 3),
    Kind.STREAK_REACHED: Spec("streak", _CHALLENGES, 3),
    Kind.CHALLENGE_DONE: Spec("challenge_done", _CHALLENGES, 3),
    Kind.VOUCHER_ISSUED: Spec("voucher_issued", ("my_vouchers", "check_points"), 8),
    Kind.CHALLENGE_NEARLY_DONE: Spec("challenge_nearly_done", _CHALLENGES, promotional=True, rides=True),
    Kind.POINTS_EXPIRING: Spec("points_expiring", ("points_expiry", "list_rewards"), 2, can_wait=True),
    Kind.VOUCHER_EXPIRING: Spec("voucher_expiring", ("my_vouchers",), 3, can_wait=True),
    Kind.CHALLENGE_STARTED: Spec("challenge_started", ("list_challenges",), promotional=True, can_wait=True),
    Kind.INACTIVE: Spec("inactive", ("list_rewards", "check_points"), promotional=True, can_wait=True),
}
"""Points that expired, vouchers that were used and levels that were lost are news to others, not to her."""

_SILENT = frozenset({"import", "merge", "recount"})
"""What comes of these happened to books and not to her: nobody is told at once what she has had for long."""
_ANSWERED: Mapping[str, frozenset[Kind]] = {
    "chat": frozenset({Kind.MEMBER_JOINED, Kind.REWARD_REDEEMED, Kind.POINTS_EARNED, Kind.POINTS_TAKEN_BACK}),
    "desk": frozenset({Kind.POINTS_EARNED}),
}
"""What the answer she is given at that moment says already."""
_BY_ITSELF = frozenset({"award", "referral"})
"""Vouchers that are given without her having asked; others are shown to her by what she did for them."""


def is_said(happening: Happening) -> bool:
    """Whether a member is to be told of a piece of news at all, apart from what her programme leaves out."""
    by, kind = happening.about.get("by"), happening.kind
    if kind not in SPECS or by in _SILENT or kind in _ANSWERED.get(str(by), ()):
        return False
    if kind is Kind.VOUCHER_ISSUED:
        of = happening.about.get("of")
        return of in _BY_ITSELF or (of != "redeem" and by != "chat")
    return True
