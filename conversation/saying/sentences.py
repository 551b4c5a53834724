"""The catalogue: every sentence of the bot in every language, read from `data/responses/<language>/*.yml`.

A sentence is text with gaps: `You have {available:points}.` What stands behind the colon says how the value is
written in the language: `points` (with the right plural form), `number`, `money`, `whole` (money without cents),
`date`, `code`. A sentence that depends on a number is a mapping of CLDR plural forms with `by:` naming the gap that
decides.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from conversation.errors import BadSentence
from flows.model import Phrase
from loyalty.codes import show_code
from loyalty.money import Money
from loyalty.programme import LANGUAGES

PLURAL_FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})
FORMATS = frozenset({"", "points", "number", "money", "whole", "date", "code", "friends", "days"})
_COUNTED = frozenset({"points", "friends", "days"})
_ISOLATE, _END = "\u2068", "\u2069"
"""Codes and amounts keep their direction inside a right-to-left sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of one language, and where it stands. `forms` has the single key `other` if it has no plural."""

    forms: Mapping[str, str]
    by: str | None
    file: Path
    line: int

    def gaps(self) -> frozenset[str]:
        """The names of its gaps."""
        found = {name for text in self.forms.values() for _, name, _, _ in string.Formatter().parse(text) if name}
        return frozenset(found)


class Sentences:
    """Says sentences. Made by `load`, or from a mapping of language to key to sentence."""

    def __init__(self, catalogue: Mapping[str, Mapping[str, Sentence]]) -> None:
        self.catalogue = catalogue
        self._writers: dict[str, _Writer] = {language: _Writer(self, language) for language in LANGUAGES}

    @classmethod
    def load(cls, folder: Path) -> "Sentences":
        """Read the catalogue. Raises `BadSentence` naming file and line."""
        return cls({language: dict(_read_language(folder / language)) for language in LANGUAGES})

    def knows(self, key: str) -> bool:
        """Whether the catalogue has this sentence."""
        return all(key in self.catalogue[language] for language in LANGUAGES)

    def say(self, language: str, key: str, /, **values: object) -> str:
        """The sentence `key` in `language` with its gaps filled. Raises `BadSentence` if there is none."""
        sentence = self.catalogue[language].get(key)
        if sentence is None:
            raise BadSentence(f"data/responses/{language}: there is no sentence {key}")
        form = "other" if sentence.by is None else plural_form(language, values.get(sentence.by, 0))
        text = sentence.forms.get(form) or sentence.forms["other"]
        if "{" not in text and "}" not in text:
            return text
        try:
            return self._writers[language].vformat(text, (), values)
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise BadSentence(f"{sentence.file}:{sentence.line}: {key}: cannot be filled in: {error}") from error

    def phrase(self, language: str, phrase: Phrase | str) -> str:
        """A phrase as text; text stays what it is."""
        return phrase if isinstance(phrase, str) else self.say(language, phrase.key, **phrase.params)

    def write(self, language: str, value: object, how: str) -> str:
        """A single value as the language writes it: `how` is what stands behind the colon of a gap."""
        return str(self._writers[language].format_field(value, how))

    def words(self, language: str, key: str) -> tuple[str, ...]:
        """A sentence that is a list of words, separated by `|`; empty if there is none."""
        sentence = self.catalogue[language].get(key)
        return tuple(word.strip() for word in sentence.forms["other"].split("|")) if sentence else ()


class _Writer(string.Formatter):
    """Fills gaps the way a language writes numbers, money, dates and counted things."""

    def __init__(self, sentences: Sentences, language: str) -> None:
        self._sentences = sentences
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        locale = _locale(self._language)
        match format_spec:
            case "":
                return str(value)
            case "number":
                return _whole_number(self._language, value) if type(value) is int else _number(self._language, value)
            case "date":
                day: date = value if isinstance(value, date) else datetime.fromisoformat(value)
                return _day(self._language, day.date() if isinstance(day, datetime) else day)
            case "money":
                assert isinstance(value, Money)
                return self._isolated(str(format_currency(value.amount, value.currency, locale=locale)))
            case "whole":
                assert isinstance(value, Money)
                return self._isolated(_without_cents(value, locale))
            case "code":
                return self._isolated(show_code(value))
            case counted if counted in _COUNTED:
                return self._sentences.say(self._language, f"unit.{counted}", n=value)
        raise ValueError(f"{format_spec!r} is no way to write a value")

    def _isolated(self, text: str) -> str:
        return f"{_ISOLATE}{text}{_END}" if self._language == "ar" else text


def _number(language: str, value: Any) -> str:
    return str(format_decimal(value, locale=_locale(language)))


@lru_cache(10_000)
def _whole_number(language: str, value: int) -> str:
    return _number(language, value)  # takes Babel as long as the store takes to find a row


@lru_cache(10_000)
def _day(language: str, day: date) -> str:
    return str(format_date(day, "long", locale=_locale(language)))


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def _without_cents(money: Money, locale: Locale) -> str:
    usual = locale.currency_formats["standard"].pattern
    short = usual.replace(".00", "")
    return str(format_currency(money.amount, money.currency, short, locale=locale, currency_digits=False))


def plural_form(language: str, number: object) -> str:
    """The CLDR plural category of a number in a language."""
    return _locale(language).plural_form(abs(int(number))) if isinstance(number, int) else "other"


def _read_language(folder: Path) -> Iterator[tuple[str, Sentence]]:
    seen: dict[str, Sentence] = {}
    for file in sorted(folder.glob("*.yml")):
        try:
            document: Any = YAML(typ="rt").load(file.read_text("utf-8")) or CommentedMap()
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise BadSentence(f"{file}:{mark.line + 1 if mark else 1}: no valid YAML") from None
        except UnicodeDecodeError:
            raise BadSentence(f"{file}:1: is not UTF-8 text") from None
        if not isinstance(document, CommentedMap):
            raise BadSentence(f"{file}:1: is a mapping of keys to sentences")
        for key, value in document.items():
            line = document.lc.key(key)[0] + 1
            sentence = _sentence(key, value, file, line)
            if key in seen:
                raise BadSentence(f"{file}:{line}: {key} stands in {seen[key].file}:{seen[key].line} too")
            seen[key] = sentence
            yield key, sentence


def _sentence(key: str, value: Any, file: Path, line: int) -> Sentence:
    where = f"{file}:{line}: {key}"
    forms = {"other": value} if isinstance(value, str) else dict(value) if isinstance(value, Mapping) else {}
    by = forms.pop("by", "n") if isinstance(value, Mapping) else None
    texts = all(isinstance(text, str) for text in (key, *forms.values())) and isinstance(by, str | None)
    if not texts or "other" not in forms or not set(forms) <= PLURAL_FORMS:
        raise BadSentence(f"{where}: is a text, or a mapping of plural forms with other: and by:")
    for text in forms.values():
        try:
            pieces = list(string.Formatter().parse(text))
        except ValueError as error:
            raise BadSentence(f"{where}: {error}; write {{{{ for a brace") from None
        for _, name, spec, _ in pieces:
            if name is not None and (not name.isidentifier() or spec not in FORMATS):
                raise BadSentence(
                    f"{where}: {{{name}:{spec}}} is no gap; after the colon: {', '.join(sorted(FORMATS))}"
                )
    return Sentence(forms, by, file, line)
