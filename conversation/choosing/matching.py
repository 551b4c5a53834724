"""Typed instead of tapped: which of the choices on offer a text means, if it clearly means one.

By title, by a word for it, by its place (`2`, `٢`, `b)`, "the second one", «الثاني»), with articles and politeness
around it, and with a slip of the finger. What may mean two choices means none, and a question is a question.
"""

from collections.abc import Mapping, Sequence

import regex
from rapidfuzz import fuzz, process

from conversation.choosing.number_words import LAST, NumberWords, usual
from conversation.choosing.spelling import normalise
from conversation.messages.layout import MORE
from conversation.messages.model import Choice

__all__ = ["CLOSE", "match_choice", "normalise"]

CLOSE = 88
"""How alike (of 100) a typed title must be, so that a slip of the finger passes and another word does not."""
_SHORTEST = 4
"""Shorter words are too easily alike."""
_LONGEST = 200
"""Signs; a longer text is no title with a slip in it, and is not compared with them."""
_NUMBER = regex.compile(r"\d+")
_QUESTION = regex.compile(r"[?¿؟⁇❓❔]")
_ARTICLE = "ال"
"""The Arabic article is written together with its word."""


def match_choice(
    text: str,
    choices: tuple[Choice, ...],
    *,
    first: int = 0,
    last: int | None = None,
    more: str | None = None,
    numbered: bool = False,
    words: NumberWords | None = None,
) -> int | None:
    """The number of the choice that was typed, or None.

    `first` and `last` bound what the customer sees now (a page of it), which is what a place counts. `more` is the
    title of the row that turns the page, if there is one: it is `MORE`. `numbered` says that she sees numbers before
    the choices. `words` are those for places, by default the usual ones.
    """
    last = len(choices) if last is None else last
    typed = normalise(text)
    if not typed or not choices:
        return None
    words = words or usual()
    spellings = {number: _spellings(choice) for number, choice in enumerate(choices)}
    if more is not None:
        spellings[MORE] = frozenset({normalise(more)})
    exact = [number for number, known in spellings.items() if typed in known]
    if _QUESTION.search(text) is not None:
        exact = [number for number in exact if number < len(choices) and _is_question(choices[number], typed)]
        return exact[0] if len(exact) == 1 else None
    said = tuple(typed.split())
    forms = [said] if len(typed) > _LONGEST else words.bare(said)
    place, form = _placed(forms, words, choices, first, last, more)
    if exact:
        if len(exact) > 1 or (numbered and place is not None and place != exact[0] and typed.isdecimal()):
            return None
        return exact[0]
    if words.asks(said):
        return None
    if place is not None:
        return place if place == MORE or not _names_another(form, place, spellings) else None
    return _loose(forms, spellings)


def _is_question(choice: Choice, typed: str) -> bool:
    """Whether it is the choice's own words that ask."""
    return any(normalise(word) == typed and _QUESTION.search(word) for word in (choice.title, *choice.words))


def _placed(
    forms: Sequence[tuple[str, ...]], words: NumberWords, choices: tuple[Choice, ...], first: int, last: int,
    more: str | None,
) -> tuple[int | None, str]:  # fmt: skip
    """The choice at the place that is typed, and the word for it; the row after the last one turns the page."""
    count = min(last, len(choices)) - first
    for form in forms:
        place = words.place(form)
        if place is None and len(form) == 1 and len(form[0]) == 1 and "a" <= form[0] <= "z":
            place = ord(form[0]) - ord("a") + 1
        if place == LAST:
            place = count
        if place is not None:
            if 0 < place <= count:
                return first + place - 1, " ".join(form)
            return MORE if more is not None and place == count + 1 else None, ""
    return None, ""


def _names_another(word: str, place: int, spellings: Mapping[int, frozenset[str]]) -> bool:
    """Whether a word for a place ("seconda") is part of another choice's title ("Seconda colazione")."""
    if len(word) < 2 or not any(sign.isalpha() for sign in word):
        return False
    named = {number for number, known in spellings.items() if any(word in title.split() for title in known)}
    return bool(named - {place})


def _loose(forms: Sequence[tuple[str, ...]], spellings: Mapping[int, frozenset[str]]) -> int | None:
    """The choice that is meant by a title without what stands around it, or by one with a slip of the finger."""
    wanted = [" ".join(form) for form in forms]
    for form in wanted:
        met = [number for number, known in spellings.items() if any(_same(form, title) for title in known)]
        if met:
            return met[0] if len(met) == 1 else None
    for form in wanted:
        if not _SHORTEST <= len(form) <= _LONGEST:
            continue
        titles = {
            (number, title): title for number, known in spellings.items() for title in known
            if len(title) >= _SHORTEST and _numbers(title) == _numbers(form)
        }  # fmt: skip
        close = process.extract(form, titles, scorer=fuzz.ratio, score_cutoff=CLOSE, limit=None)
        met = list({key[0] for _, _, key in close})
        if met:
            return int(met[0]) if len(met) == 1 else None
    return None


def _same(typed: str, title: str) -> bool:
    """Whether a typed title is one that is offered, but for an article."""
    if typed == title:
        return True
    bare, plain = typed.removeprefix(_ARTICLE), title.removeprefix(_ARTICLE)
    return bare == plain and len(bare) >= _SHORTEST - 1


def _numbers(text: str) -> list[str]:
    """The numbers in a text: 50 is no slip of the finger for 5."""
    return _NUMBER.findall(text)


def _spellings(choice: Choice) -> frozenset[str]:
    return frozenset(filter(None, (normalise(word) for word in (choice.title, *choice.words))))
