"""Meta's error codes, by what is to be done about each.

Source: Meta, "Cloud API error codes" (2026-05-15); 133016 from nyaruka/courier, 131063, 131064 and 137000 from pywa
4.5.0. Only `code` counts: titles are deprecated, and the HTTP status tells too little.
"""

from collections.abc import Iterable, Mapping

from connectors.errors import (
    AskHer,
    AskInChat,
    Malformed,
    NeedsOperator,
    OptedOut,
    OutsideWindow,
    PairLimited,
    PauseCampaigns,
    PauseTemplate,
    Retryable,
    SendError,
    TryFewTimes,
    TryInMinutes,
    TryTomorrow,
    Unreachable,
)

CODES: Mapping[type[SendError], Iterable[int]] = {
    Retryable: (
        2,  # API service, 503
        4,  # too many calls of the app
        80007,  # too many calls of the business account
        130429,  # the number's throughput: 80 a second, 1,000 when upgraded, 20 beside the phone's app
        131016,  # service unavailable
        131057,  # maintenance: up to a minute while the throughput is upgraded
        133004,  # server temporarily unavailable
        133016,
    ),
    PairLimited: (131056,),  # one message in 6 s to one person, 45 in a burst
    TryFewTimes: (
        1,  # unknown
        131000,  # something went wrong
        131053,  # the medium could not be uploaded
    ),
    TryInMinutes: (134101,),  # the template is still syncing
    TryTomorrow: (
        131049,  # Meta chose not to deliver: too much marketing for one person, or a number of the US
        131064,  # messaging limit reached
    ),
    OutsideWindow: (131047, 470),  # 24 hours have passed; 470 is what the older API said
    Unreachable: (
        130472,  # part of an experiment
        130497,  # her country is not allowed
        131026,  # not on WhatsApp, too old a client, terms not accepted, perhaps blocked
        131030,  # a test number's list of recipients
    ),
    OptedOut: (131050,),
    PauseCampaigns: (131048,),  # spam rate limit
    NeedsOperator: (
        0, 190,  # the token is invalid or over
        3, 10, *range(200, 300),  # permissions
        33,  # the number was deleted
        368,  # blocked for policy violations
        131005,  # access denied
        131031,  # account locked
        131037,  # display name not approved
        131042,  # payment
        131045,  # certificate
        133010,  # number not registered
    ),
    PauseTemplate: (132015, 132016),  # paused (Meta's pacing as well), disabled
    AskInChat: (132068, 132069),  # the Flow is blocked, throttled
    AskHer: (
        131052,  # her file could not be loaded
        131062,  # a user id is not enough for this message: her number is needed
        137000,  # her identity key has changed
    ),
    Malformed: (
        100, 131008, 131009,  # parameters: invalid, missing, not of the right value
        131021,  # to ourselves
        131051,  # unsupported type
        131055, 131063, 134100,  # the API of marketing messages
        132000, 132001, 132005, 132007, 132012,  # a template's parameters, name, length, characters, format
        135000,  # generic
    ),
}  # fmt: skip
_BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}
_SERVER_ERROR = 500
_TOO_MANY = 429


def kind_of(code: object, status: int | None = None) -> type[SendError]:
    """The error for a code; for an unknown one, by the HTTP status it came with, or came without."""
    known = _BY_CODE.get(code) if isinstance(code, int) else None
    if known is not None:
        return known
    if status is None:  # in a receipt: it was taken, then something happened that we know nothing of
        return TryFewTimes
    return Retryable if status >= _SERVER_ERROR or status == _TOO_MANY else Malformed
