"""What a campaign says: which gaps it has, what goes into them, and the message as it goes to the outbox."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.design import FieldName, Known, Saying
from conversation.choosing.menus import ask_choices
from conversation.choosing.offers import make_offer, read_token
from conversation.errors import BadSentence
from conversation.leaving.outbox import window_open
from conversation.messages.layout import WHATSAPP, Limits
from conversation.messages.model import Message
from conversation.saying.sentences import FORMATS, Sentences
from conversation.saying.template_text import gaps_of, put_in
from conversation.saying.templating import APPROVED, TemplateMessage, as_part, choose, counts_as, fill
from conversation.tables import Conversation, TemplateRow
from loyalty.errors import Refused
from loyalty.programme import Language, Programme

FIELDS: tuple[FieldName, ...] = get_args(FieldName)
Value = str | int
_IMPLIED = {str(name): Known(field=name) for name in FIELDS}
"""What a gap takes that has the name of a field, if nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Voice:
    """With what a message is written: the programme's language, how values are written, what the channel allows."""

    programme: Programme
    sentences: Sentences
    limits: Limits = WHATSAPP


@dataclass(frozen=True, slots=True)
class Written:
    """A message ready for the outbox. `fallback` goes out in its place if the window closes before it is sent."""

    parts: list[dict[str, Any]]
    fallback: dict[str, Any] | None = None

    @property
    def offer(self) -> str | None:
        """The choices under it, by the id of their offer."""
        for part in (*self.parts, *([self.fallback] if self.fallback else [])):
            for choice in part.get("choices", ()):
                token = read_token(str(choice.get("id") or ""))
                if token is not None:
                    return token[0]
        return None


def gaps_in(session: Session, saying: Saying) -> frozenset[str]:
    """The names of all gaps of a message, in whatever language. Raises `Refused` if its template is not approved."""
    texts = list((saying.sentence or {}).values())
    names = {name for text in texts for name in gaps_of(text)}
    if saying.template is not None:
        query = select(TemplateRow).where(TemplateRow.name == saying.template, TemplateRow.status == APPROVED)
        rows = session.scalars(query).all()
        if not rows:
            said = f"the template {saying.template} is not approved; `passaparola templates status` shows all"
            raise Refused("template", said)
        for row in rows:
            names |= TemplateMessage(row.name, row.language, row.category, row.content).gaps().keys()
    return frozenset(names)


def fields_for(saying: Saying, gaps: Iterable[str]) -> frozenset[FieldName]:
    """What has to be known of a member to fill the gaps. Raises `Refused` for a gap nothing is said of."""
    found: set[FieldName] = set()
    for gap in gaps:
        value = saying.values.get(gap)
        if value is None and gap not in FIELDS:
            raise Refused("gap", f"nothing is said of the gap {{{gap}}}; set it under message.values")
        if value is None:
            found.add(cast(FieldName, gap))
        elif isinstance(value, Known):
            found.add(value.field)
    return frozenset(found)


def freeze(saying: Saying, gaps: Iterable[str], known: Mapping[str, Value]) -> dict[str, Value] | None:
    """What goes into the gaps that are about the member; None if something is not known of her."""
    frozen: dict[str, Value] = {}
    for gap in gaps:
        value = saying.values.get(gap, _IMPLIED.get(gap))
        if not isinstance(value, Known):
            continue
        hers = known.get(value.field, value.instead)
        if hers is None:
            return None
        frozen[gap] = hers
    return frozen


def write(
    session: Session, conversation: Conversation, saying: Saying, params: Mapping[str, Value], language: str,
    voice: Voice, *, at: datetime, now: datetime,
) -> Written | str:  # fmt: skip
    """The message for one member as it goes out at a moment, or why there is none: a short word.

    Inside the 24-hour window the sentence, outside it the template. Raises nothing for what cannot be filled.
    """
    try:
        template = _template(session, conversation, saying, params, language, voice, now)
        if saying.sentence is not None and window_open(conversation, at):
            return Written(_sentence(session, conversation, saying, params, language, voice, now), template)
    except BadSentence:
        return "cannot_be_filled"
    if template is not None:
        return Written([template])
    return "no_template" if saying.template is not None else "window_closed"


def _template(
    session: Session, conversation: Conversation, saying: Saying, params: Mapping[str, Value], language: str,
    voice: Voice, now: datetime,
) -> dict[str, Any] | None:  # fmt: skip
    if saying.template is None:
        return None
    chosen = choose(session, saying.template, language, instead=voice.programme.language, wants_marketing=True)
    if chosen is None:
        return None
    values = _values(saying, params, chosen.language, voice.programme)
    return as_part(
        session, conversation, fill(chosen, voice.sentences, values, image=saying.image), now=now
    )  # fmt: skip


def _sentence(
    session: Session, conversation: Conversation, saying: Saying, params: Mapping[str, Value], language: str,
    voice: Voice, now: datetime,
) -> list[dict[str, Any]]:  # fmt: skip
    texts = {str(name): text for name, text in (saying.sentence or {}).items()}
    spoken = language_of(texts, language, voice.programme)
    values, text = _values(saying, params, spoken, voice.programme), texts[spoken]
    try:
        said = put_in(text, {
            name: voice.sentences.write(spoken, values[name], spec) for name, spec in gaps_of(text).items()
        })  # fmt: skip
    except (KeyError, ValueError, TypeError, ArithmeticError, AssertionError) as error:
        raise BadSentence(f"the sentence cannot be filled in: {error}") from error
    choices = ask_choices(voice.sentences, cast(Language, spoken), tuple(saying.buttons))
    before = conversation.offer_id
    more, prompt = voice.sentences.say(spoken, "menu.more"), voice.sentences.say(spoken, "menu.choose")
    parts = make_offer(
        session, conversation, Message(said, choices), saved=None, more=more, prompt=prompt, now=now,
        limits=voice.limits,
    )  # fmt: skip
    conversation.offer_id = before  # typed words still answer what she was asked
    return parts


def language_of(texts: Mapping[str, object], language: str, programme: Programme) -> str:
    """In which of the languages there are somebody reads: hers, else the programme's, else the first."""
    return next((one for one in (language, programme.language) if one in texts), next(iter(texts)))


def _values(saying: Saying, params: Mapping[str, Value], language: str, programme: Programme) -> dict[str, Value]:
    values: dict[str, Value] = dict(params)
    for gap, value in saying.values.items():
        if isinstance(value, str | int):
            values[gap] = value
        elif isinstance(value, dict):
            texts = {str(name): text for name, text in value.items()}
            values[gap] = texts[language_of(texts, language, programme)]
    return values


def mistakes_in(saying: Saying, sentences: Sentences) -> list[str]:
    """What is wrong with a sentence and its buttons, whatever the database says."""
    wrong = [
        f"sentence.{language}: the gap {{{name}}} is written as {spec!r}; known are {', '.join(sorted(FORMATS - {''}))}"
        for language, text in (saying.sentence or {}).items()
        for name, spec in gaps_of(text).items()
        if spec not in FORMATS
    ]
    wrong += [
        f"buttons: there is no sentence button.{intent} for the title"
        for intent in saying.buttons
        if not sentences.knows(f"button.{intent}")
    ]
    for text in (saying.sentence or {}).values():
        try:
            fields_for(saying, gaps_of(text))
        except Refused as error:
            wrong.append(f"sentence: {error}")
    return sorted(set(wrong))


def category_now(session: Session, saying: Saying) -> str | None:
    """As what the template of a message counts at present; None if it has none, or none is known."""
    if saying.template is None:
        return None
    rows = session.scalars(select(TemplateRow).where(TemplateRow.name == saying.template)).all()
    kinds = {counts_as(row) for row in rows}
    return "marketing" if "marketing" in kinds else next(iter(kinds), None)
