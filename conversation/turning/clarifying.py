"""Did you mean: the third way between understanding and not, and what designers learn from the answers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, update
from sqlalchemy.orm import Session

from conversation.messages.model import Choice, Command, Message, Understood
from conversation.saying.sentences import Sentences
from conversation.tables import Misunderstanding
from conversation.turning.masking import anonymous
from flows.model import Ask
from loyalty.programme import Language
from loyalty.store.sql import execute, insert_once

ASKED: Final = "clarifies"
"""The entity of a question under "did you mean": the message that was not clear."""
SOMETHING_ELSE: Final = "something_else"
KEPT = timedelta(days=180)
"""How long designers can look at it."""
MOST = 3
"""Buttons that fit under a message, one of them for something else."""
_INTENTS = "intents"
_LONGEST = 500
_DROP = delete(Misunderstanding).where(Misunderstanding.at < bindparam("before"))


def asking(sentences: Sentences, understood: Understood) -> Command | None:
    """The command that asks what she meant, or None if it is clear, or if no button can name the likeliest intent.

    Small talk has no button: a "thank you" that is not quite clear is answered as it was taken.
    """
    known = [intent for intent in understood.alternatives if sentences.knows(f"button.{intent}")]
    if not known or known[0] != understood.alternatives[0]:
        return None
    return Command("did_you_mean", {**understood.entities, _INTENTS: " ".join(known[: MOST - 1])})


def question(sentences: Sentences, language: Language, command: Command, message_id: str) -> Message:
    """What `asking` asks: a button for each intent, and one for something else."""
    entities = {name: value for name, value in command.args.items() if name != _INTENTS}
    choices = [
        Choice(Ask(intent, {**entities, ASKED: message_id}), sentences.say(language, f"button.{intent}"))
        for intent in guesses(command)
    ]
    other = sentences.say(language, "button.something_else")
    choices.append(Choice(Ask("help", {ASKED: message_id, SOMETHING_ELSE: "yes"}), other))
    return Message(sentences.say(language, "understanding.did_you_mean"), tuple(choices))


def guesses(command: Command) -> tuple[str, ...]:
    """The intents a command asks about."""
    return tuple(command.args.get(_INTENTS, "").split())


def meant(intent: str, entities: Mapping[str, str]) -> Command:
    """The command that writes down what she meant, when she has tapped it."""
    chosen = SOMETHING_ELSE if SOMETHING_ELSE in entities else intent
    return Command("meant", {"message": entities[ASKED], "chosen": chosen})


def without_marks(entities: Mapping[str, str]) -> dict[str, str]:
    """The entities she named herself."""
    return {name: value for name, value in entities.items() if name not in {ASKED, SOMETHING_ELSE}}


def note(
    session: Session, programme: str, message_id: str, words: str, *, name: str | None, language: str,
    offered: tuple[str, ...], now: datetime,
) -> None:  # fmt: skip
    """Write down a message that was not clear, without what says who wrote it. A message is written down once."""
    values = {
        "programme_id": programme, "message_id": message_id, "text": anonymous(words, name or "")[:_LONGEST],
        "language": language, "guesses": list(offered), "chosen": None, "at": now,
    }  # fmt: skip
    insert_once(session, Misunderstanding, values)


def note_choice(session: Session, programme: str, message_id: str, chosen: str) -> None:
    """Write down what she meant. A second tap changes it; nothing happens if it is no longer kept."""
    session.execute(
        update(Misunderstanding)
        .where(Misunderstanding.programme_id == programme, Misunderstanding.message_id == message_id)
        .values(chosen=chosen)
    )


def drop_old(session: Session, *, now: datetime) -> int:
    """Drop what was kept long enough. Returns how many."""
    return execute(session, _DROP, {"before": now - KEPT}).rowcount
