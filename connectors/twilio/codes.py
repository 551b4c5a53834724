"""Twilio's error codes, by what is to be done about each.

Source: Twilio, "Error and warning dictionary" and "WhatsApp error code mapping". The same codes come in answers and in
status callbacks: most of what WhatsApp itself refuses is told only there.
"""

from collections.abc import Iterable, Mapping

from connectors.errors import (
    Malformed,
    NeedsOperator,
    OptedOut,
    OutsideWindow,
    PauseTemplate,
    Retryable,
    SendError,
    TryFewTimes,
    TryTomorrow,
    Unreachable,
)

CODES: Mapping[type[SendError], Iterable[int]] = {
    Retryable: (
        20429,  # too many requests at once; "not processed and safe to retry"
        30001,  # the queue is full
        63010,  # Twilio's own error
        63012,  # the same at WhatsApp
        63017,  # the account's rate
        63018,  # the sender's rate, or WhatsApp's limit on strangers, which our own pace keeps
    ),
    TryFewTimes: (
        30008,  # unknown
        63009,  # WhatsApp returned an error
        63011,
        63019,  # the medium could not be fetched
        63021,  # content WhatsApp does not take: mostly a medium of a wrong type
        63023,  # generic
        63025,
        63037,  # the medium could not be uploaded
    ),
    TryTomorrow: (
        63038,  # the account's daily limit
        63049,  # Meta chose not to deliver a marketing message
    ),
    OutsideWindow: (63016,),
    Unreachable: (
        21211, 21614,  # no valid number
        21408,  # her country is not allowed in the account
        63003,  # not on WhatsApp
        63014,  # she has blocked the sender
        63015,  # has not joined the sandbox
        63024,  # invalid recipient: not on WhatsApp, or an old client
        63032,  # part of an experiment of WhatsApp's
        63033,
    ),
    OptedOut: (21610,),  # she sent STOP, and Twilio has written it down
    NeedsOperator: (
        20003,  # account SID or auth token
        20005, 30002,  # the account is suspended
        20404,  # there is no such account
        21212, 21606, 63002, 63007,  # the sending number is none of the account's
        63001, 63008,  # the sender is not set up
        63020, 63022,  # Meta's business manager, the display name
        63051, 63112,  # Meta has closed the account
    ),
    PauseTemplate: (63041, 63042),  # paused, disabled
    Malformed: (
        21602, 21604, 21617, 21619, 21655, 21656, 21658, 50526,  # missing, too long, no ContentSid, its variables
        63005, 63006, 63013,  # content, format, policy
        63027, 63028, 63029, 63040,  # a template's name or language, its parameters; rejected
        63030, 63031,
    ),
}  # fmt: skip
_BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}
_SERVER_ERROR, _TOO_MANY = 500, 429
_SHUT_OUT = frozenset({401, 403})


def kind_of(code: object, status: int | None = None) -> type[SendError]:
    """The error for a code; for an unknown one, by the HTTP status it came with, or came without."""
    known = _BY_CODE.get(code) if isinstance(code, int) else None
    if known is not None:
        return known
    if status is None:  # in a status callback: it was taken, then something happened that we know nothing of
        return TryFewTimes
    if status in _SHUT_OUT:
        return NeedsOperator
    return Retryable if status >= _SERVER_ERROR or status == _TOO_MANY else Malformed
