"""Dialogs that are written down: a few questions in a row, and something for answering them. A survey, for example."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from loyalty.rules.parts import LANGUAGES, Dates, Gift, Language, Part, Slug, Texts, Times, distinct

StepKind = Literal["ask", "choose", "confirm"]
LONGEST_TITLE = 24
"""Letters of an option: what a row of a list shows."""
Word = Annotated[str, Field(min_length=2, max_length=40)]


class DialogOption(Part):
    """Something that can be chosen."""

    id: Slug
    name: Texts
    """What the customer reads and taps; up to 24 characters are shown whole."""


class DialogStep(Part):
    """One question. Exactly one of `ask`, `choose` and `confirm` says what it is."""

    id: Slug
    ask: Texts | None = None
    """A question that is answered in words."""
    choose: Texts | None = None
    """A question that is answered by one of the `options`."""
    options: Annotated[tuple[DialogOption, ...], Field(max_length=30), AfterValidator(distinct)] = ()
    """What can be chosen."""
    confirm: Texts | None = None
    """A question that is answered with yes; no leads back to the first question."""
    optional: bool = False
    """Whether it can be skipped."""

    @property
    def kind(self) -> StepKind:
        """What sort of question it is."""
        return "ask" if self.ask else "choose" if self.choose else "confirm"

    @property
    def text(self) -> dict[Language, str]:
        """What is asked."""
        return self.ask or self.choose or self.confirm or {}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(text is not None for text in (self.ask, self.choose, self.confirm)) != 1:
            raise ValueError("is one of ask, choose and confirm")
        if (self.choose is not None) != bool(self.options):
            raise ValueError("has options if it is choose, and only then")
        if self.choose is not None and len(self.options) < 2:
            raise ValueError("has one option; a choice needs two")
        if self.confirm is not None and self.optional:
            raise ValueError("asks for a yes, which cannot be skipped")
        return self


def _typed_once(words: Mapping[Language, tuple[str, ...]]) -> Mapping[Language, tuple[str, ...]]:
    for language, said in words.items():
        if len({word.casefold() for word in said}) < len(said):
            raise ValueError(f"names a word twice in {language}")
    return words


class Dialog(Part):
    """Questions in a row, asked once or now and then, and what is given for answering them."""

    id: Slug
    name: Texts
    """What it is called in a sentence: "our survey"."""
    words: Annotated[Mapping[Language, tuple[Word, ...]], AfterValidator(_typed_once)]
    """A message that is one of these words and nothing else begins it."""
    intro: Texts | None = None
    """What is said before the first question."""
    steps: Annotated[tuple[DialogStep, ...], Field(min_length=1, max_length=20), AfterValidator(distinct)]
    thanks: Texts
    """What is said at the end."""
    gift: Gift | None = None
    """What is given for it."""
    times: Times = Times()
    """How often a member may take part."""
    dates: Dates = Dates()

    @model_validator(mode="after")
    def _can_begin(self) -> Self:
        if not any(self.words.get(language) for language in LANGUAGES):
            raise ValueError("has no words that begin it")
        return self
