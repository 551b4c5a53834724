"""Every flow there is, joined to the store."""

from dataclasses import dataclass
from typing import Any

from conversation.flowing.claiming import Claiming
from conversation.flowing.dialoguing import Dialoguing
from conversation.flowing.enrolling import Enrolling
from conversation.flowing.exporting import Exporting
from conversation.flowing.forgetting import Forgetting
from conversation.flowing.friend_code import FriendCodePart
from conversation.flowing.handing_over import HandingOver
from conversation.flowing.part import Part
from conversation.flowing.profiling import Profiling
from conversation.flowing.quizzing import Quizzing
from conversation.flowing.ranking import Ranking
from conversation.flowing.redeeming import Redeeming
from conversation.flowing.sharing import SharingPart
from conversation.flowing.showing import Showing
from conversation.flowing.spinning import Spinning
from conversation.saying.sentences import Sentences


@dataclass(frozen=True, slots=True)
class Tools:
    """What parts may need besides the store."""

    sentences: Sentences
    public_url: str
    """How the outside reaches the service: where files are fetched and referral links lead."""
    chat_url: str
    """How somebody is sent to a chat: `https://wa.me`."""


def build_parts(tools: Tools) -> tuple[Part[Any], ...]:
    """Every flow there is. A new one is added here."""
    return (
        Enrolling(),
        Profiling(tools.sentences),
        Forgetting(),
        Exporting(tools.sentences, tools.public_url),
        HandingOver(),
        SharingPart(tools.public_url, tools.chat_url),
        FriendCodePart(),
        Redeeming(tools.public_url),
        Dialoguing(),
        Showing(tools.public_url),
        Claiming(),
        Quizzing(tools.sentences),
        Spinning(tools.sentences),
        Ranking(tools.sentences),
    )
