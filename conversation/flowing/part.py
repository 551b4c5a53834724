"""What joins a flow to the store: its facts, its effects, and who may begin it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.model import Effect, Event, Phrase, Saved
from loyalty.ids import MemberId
from loyalty.programme import Language, Programme
from loyalty.tables import Member

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class At:
    """Whose flow it is, when, and the transaction of the turn."""

    session: Session
    programme: Programme
    member: Member
    language: Language
    now: datetime
    message_id: str = ""
    """The message that is answered: where the evidence of what the customer says is."""
    words: str = ""
    """What it says: her words, or the title she tapped."""

    @property
    def member_id(self) -> MemberId:
        """Her id, as the store's functions take it."""
        return MemberId(self.member.id)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why somebody may not begin a flow, and the questions she can ask instead."""

    why: Phrase
    asks: tuple[str, ...] = ()


class Part(ABC, Generic[F]):
    """Base of the parts. One instance serves every conversation, so it keeps nothing."""

    flow: Flow[F]
    intent: ClassVar[str]
    """The question that begins the flow, so that it can be offered again."""

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        """Why she may not begin it now; None if she may."""
        return None

    @abstractmethod
    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> F:
        """What the flow knows of the world at this step. `saved` is None, and `args` are given, when it begins."""

    def arguments(self, at: At, args: Mapping[str, str]) -> Mapping[str, str]:
        """What the flow begins with, from what the customer said."""
        return args

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        """Carry an effect out, once for the run and step it is asked in, and tell what came of it."""
        raise NotImplementedError(f"{self.flow.name} has no effect {type(effect).__name__}")
