"""What can go wrong between us and a provider of WhatsApp, by what is to be done about it.

A provider raises one of the refusals below, whatever its own codes are. What follows from it is written down once, in
`conversation/leaving/refusals.py`, because a refusal can also come later, in a receipt.
"""

from typing import ClassVar

from conversation.leaving.refusals import Do


class ConnectorError(Exception):
    """Root of the package's errors."""


class NotConfigured(ConnectorError):
    """A setting is missing; the message names it."""


class BadUpdate(ConnectorError):
    """A webhook body that is none; `status` is the HTTP status it is answered with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SendError(ConnectorError):
    """A provider refused a message. `code` is its error code, None if it gave none."""

    do: ClassVar[Do] = Do.FIX
    """What is to be done about it."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class MaybeSent(SendError):
    """Nobody knows whether it went out: the connection broke, or the answer told nothing. Not sent again by itself."""

    do = Do.LEAVE


class Retryable(SendError):
    """Try again later; nothing was delivered. By itself: the whole number slows down."""

    do = Do.SLOW_DOWN


class PairLimited(Retryable):
    """Too many messages to one person: wait for her alone."""

    do = Do.WAIT_FOR_HER


class TryFewTimes(Retryable):
    """Try two or three times, then send something simpler."""

    do = Do.TRY_FEW_TIMES


class TryInMinutes(Retryable):
    """Try again in ten minutes: something is still being prepared."""

    do = Do.TRY_IN_MINUTES


class TryTomorrow(Retryable):
    """Not before 24 hours have passed."""

    do = Do.TRY_TOMORROW


class OutsideWindow(SendError):
    """The customer service window is closed: a template, or wait until she writes."""

    do = Do.USE_TEMPLATE


class Unreachable(SendError):
    """This person cannot be reached; do not try again until she writes."""

    do = Do.MARK_UNREACHABLE


class OptedOut(SendError):
    """She has stopped promotional messages: write that down and send her no more of them."""

    do = Do.END_MARKETING


class PauseCampaigns(SendError):
    """Too many people complain: no promotional message goes out until a person has seen to it."""

    do = Do.PAUSE_MARKETING


class PauseTemplate(SendError):
    """This template is paused or disabled; others go on."""

    do = Do.PAUSE_TEMPLATE


class AskInChat(SendError):
    """What was sent to be filled in cannot be shown: ask in the chat instead."""

    do = Do.ASK_IN_CHAT


class AskHer(SendError):
    """She has to do something first: tell her number, send the file again, verify."""

    do = Do.ASK_HER


class NeedsOperator(SendError):
    """Token, account or payment: nothing goes out until a person has seen to it."""

    do = Do.PAUSE_NUMBER


class Malformed(SendError):
    """We sent something invalid: our own bug; never try again."""

    do = Do.FIX
