"""What Meta would refuse in a template, found before it is handed in. Pure: a template in, places and sentences out.

Sources: Meta, "Templates" (names, formats of parameters), "Template components" (lengths, buttons), "Template review"
(gaps side by side, at the ends, copies of another template), "Error codes" (2388040 lengths, 2388293 too many gaps,
2388299 gaps at the ends), "Coupon code templates". How many words a gap needs Meta does not say: three guides agree
on two for each and one more (docs.mercuri.cx, Syniverse, Maqsam). "Characters" are counted as UTF-16 units.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date

import regex

from connectors.whatsapp.templates.declared import Button, Declared, Version
from connectors.whatsapp.templates.requests import as_meta, written_example
from conversation.messages.cutting import units
from conversation.saying.sentences import FORMATS, Sentences
from conversation.saying.template_text import BODY, GAP, bare, gaps_of, put_in
from loyalty.files.yaml_lines import Place
from loyalty.programme import LANGUAGES

CATEGORIES = ("utility", "marketing", "authentication")
NAME, HEADER, FOOTER, TITLE, LINK, NUMBER, CODE = 512, 60, 60, 25, 2000, 20, 15
BUTTONS = 10
MOST: Mapping[str, int] = {"quick_reply": 10, "url": 2, "phone": 1, "copy_code": 1}
_NAME = regex.compile(r"[a-z0-9_]+")
_NUMBER = regex.compile(r"\+[1-9][0-9]{6,18}")
_LINK = regex.compile(r"https?://[^\s{}]+(\{[^{}]*\})?")
_WORD = regex.compile(r"\S*[\p{L}\p{N}]\S*")
_SAYS = regex.compile(r"[\p{L}\p{N}]")
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}")
_MARKS = regex.compile(r"[*_~`]")
_TOUCHING = regex.compile(r"\}[\s*_~`]*\{")
Found = tuple[Place, str]


def check_all(templates: Iterable[Declared], sentences: Sentences, *, asks: Collection[str] | None = None) -> list[str]:
    """Every mistake of the templates, each as `file:line: name: what is wrong`. `asks` are the intents there are."""
    templates = list(templates)
    lines = [
        f"{template.where(place)}: {template.name}: {said}"
        for template in templates
        for place, said in check_template(template, sentences, asks=asks)
    ]
    return lines + list(_copies(templates))


def check_template(template: Declared, sentences: Sentences, *, asks: Collection[str] | None = None) -> Iterator[Found]:
    """The mistakes of one template: where they stand, and what is wrong."""
    if not _NAME.fullmatch(template.name) or len(template.name) > NAME:
        yield (), f"the file's name is the template's: small letters, digits and _, at most {NAME}"
    if template.category not in CATEGORIES:
        yield ("category",), f"category: is one of {', '.join(CATEGORIES)}"
    if template.category == "authentication":
        yield ("category",), "category: authentication templates have a fixed text of Meta's; make them in its manager"
    for missing in set(LANGUAGES) - template.versions.keys():
        yield ("languages",), f"is missing in {missing}"
    for language, version in template.versions.items():
        if language not in LANGUAGES:
            yield ("languages", language), f"{language} is no language of ours: {', '.join(LANGUAGES)}"
            continue
        yield from _version(template, version, asks)
        yield from _examples(template, version, sentences)
    yield from _alike(template)


def _version(template: Declared, version: Version, asks: Collection[str] | None) -> Iterator[Found]:
    place: Place = ("languages", version.language)
    yield from _line((*place, "header"), "header", version.header, HEADER, marks=True)
    yield from _line((*place, "footer"), "footer", version.footer, FOOTER, marks=False)
    yield from _body((*place, "body"), version.body)
    yield from _buttons(template, version, asks)


def _line(place: Place, what: str, text: str, limit: int, *, marks: bool) -> Iterator[Found]:
    """A header or a footer: one line, no gaps; a header without signs of markup or emoji as well."""
    if units(text) > limit:
        yield place, f"{what}: is {units(text)} characters long, WhatsApp takes {limit}"
    if "\n" in text:
        yield place, f"{what}: stands on one line"
    if "{" in text or "}" in text:
        yield place, f"{what}: has no gaps here; say it in the body"
    if marks and (_MARKS.search(text) or _EMOJI.search(text)):
        yield place, f"{what}: has no emoji and no * _ ~ `"


def _body(place: Place, text: str) -> Iterator[Found]:
    if units(as_meta(text)) > BODY:
        yield place, f"body: is {units(as_meta(text))} characters long, WhatsApp takes {BODY}"
    yield from _gaps(place, "body", text)
    found = list(GAP.finditer(text))
    if not found:
        return
    if not _SAYS.search(text[: found[0].start()]):
        yield place, "body: must not begin with a gap (Meta: 2388299)"
    if not _SAYS.search(text[found[-1].end() :]):
        yield place, "body: must not end with a gap, nor with one and a full stop (Meta: 2388299)"
    if _TOUCHING.search(text):
        yield place, "body: two gaps need a word or a sign between them (Meta: INVALID_FORMAT)"
    names = gaps_of(text)
    if len(found) > len(names):
        yield place, "body: a gap stands in it twice; give the second a name of its own"
    words, needed = len(_WORD.findall(bare(text))), 2 * len(found) + 1
    if words < needed:
        yield place, f"body: has {words} words for {len(found)} gaps, it needs {needed} (Meta: 2388293)"
    if regex.search(r"\n{3,}| {5,}|\t", text):
        yield place, "body: has more than two line breaks or four spaces in a row, or a tab"


def _gaps(place: Place, what: str, text: str) -> Iterator[Found]:
    """What is wrong with the braces of a text."""
    if "{" in bare(text) or "}" in bare(text):
        yield place, f"{what}: a gap is {{name}} or {{name:how}}, the name in small letters and _"
    for name, how in GAP.findall(text):
        if how not in FORMATS:
            yield place, f"{what}: {{{name}:{how}}}: after the colon stands one of {', '.join(sorted(FORMATS - {''}))}"


def _buttons(template: Declared, version: Version, asks: Collection[str] | None) -> Iterator[Found]:
    place: Place = ("languages", version.language, "buttons")
    buttons = version.buttons
    if len(buttons) > BUTTONS:
        yield place, f"buttons: there are {len(buttons)}, WhatsApp takes {BUTTONS}"
    for kind, most in MOST.items():
        count = sum(button.kind == kind for button in buttons)
        if count > most:
            yield place, f"buttons: there are {count} of {kind}, WhatsApp takes {most}"
    kinds = [button.kind == "quick_reply" for button in buttons]
    if kinds != sorted(kinds, reverse=True):
        yield place, "buttons: quick replies stand together, before all others"
    titles = [button.title.casefold() for button in buttons if button.title]
    if len(set(titles)) < len(titles):
        yield place, "buttons: two have the same title"
    for number, button in enumerate(buttons):
        for said in _button(button, template, asks):
            yield (*place, number), f"button {number + 1}: {said}"


def _button(button: Button, template: Declared, asks: Collection[str] | None) -> Iterator[str]:
    title = button.title
    if button.kind != "copy_code" and not title.strip():
        yield "its title is empty"
    if units(title) > TITLE:
        yield f"its title is {units(title)} characters long, WhatsApp takes {TITLE}"
    if "\n" in title or "{" in title or "}" in title or _EMOJI.search(title) or _MARKS.search(title):
        yield "its title has no gaps, line breaks, emoji and no * _ ~ `"
    match button.kind:
        case "quick_reply" if asks is not None and button.asks not in asks:
            yield f"asks: {button.asks} is no intent of domain.yml"
        case "phone" if not _NUMBER.fullmatch(button.number) or len(button.number) > NUMBER:
            yield f'number: is a phone number in quotes such as "+390612345678", of at most {NUMBER} characters'
        case "url":
            yield from _link(button.link)
        case "copy_code":
            gap = GAP.fullmatch(button.code)
            if gap is None or gap[2] not in (None, "code"):
                yield "copy_code: names the gap that is copied: {code} or {code:code}"
            if template.category != "marketing":
                yield "copy_code: only marketing templates have it (Meta: coupon code templates)"


def _link(link: str) -> Iterator[str]:
    if not _LINK.fullmatch(link):
        yield "link: is an address such as https://example.com/ with at most one gap, at its end"
    if any(how for _, how in GAP.findall(link)):
        yield "link: a gap in an address is its name alone: {name}"
    elif "{" in bare(link):
        yield "link: a gap is {name}, the name in small letters and _"
    if units(link) > LINK:
        yield f"link: is {units(link)} characters long, WhatsApp takes {LINK}"


def _examples(template: Declared, version: Version, sentences: Sentences) -> Iterator[Found]:
    """Each gap has an example that can be written (Meta asks for one), and the text with them is short enough."""
    written: dict[str, str] = {}
    for name, how in version.gaps().items():
        try:
            written[name] = written_example(template, version, name, how, sentences)
        except KeyError:
            yield ("examples",), f"examples: {name} has none for {version.language}"
        except (ValueError, TypeError, ArithmeticError):
            yield ("examples", name), f"examples: {name}: {_KINDS.get(how, 'needs a text')}"
    for button in version.buttons:
        if button.kind == "copy_code" and any(units(written.get(name, "")) > CODE for name in button.gaps()):
            yield ("examples",), f"examples: a code that is copied has at most {CODE} characters"
    if gaps_of(version.body).keys() <= written.keys() and units(put_in(version.body, written)) > BODY:
        yield ("languages", version.language, "body"), f"body: with its examples it is longer than {BODY} characters"


_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("points", "friends", "days", "number"), "needs a whole number"),
    **dict.fromkeys(("money", "whole"), "needs an amount with its currency, such as 6.40 EUR"),
    "date": f"needs a day such as {date(2026, 12, 31)}",
}


def _alike(template: Declared) -> Iterator[Found]:
    """All languages have the same gaps and the same buttons, as what fills them does not know the language."""
    versions = list(template.versions.values())
    if not versions:
        return
    parts: list[tuple[str, Callable[[Version], object]]] = [
        ("gaps", lambda version: version.gaps()),
        ("buttons", lambda version: [(one.kind, one.asks, one.gaps()) for one in version.buttons]),
        ("header", lambda version: (bool(version.header), bool(version.image))),
    ]
    for what, of in parts:
        first = versions[0]
        for version in versions[1:]:
            if of(version) != of(first):
                yield (
                    ("languages", version.language),
                    f"has other {what} in {version.language} than in {first.language}",
                )


def _copies(templates: list[Declared]) -> Iterator[str]:
    """Meta refuses a template whose body and footer another one has."""
    seen: dict[tuple[str, str, str], Declared] = {}
    for template in templates:
        for version in template.versions.values():
            first = seen.setdefault((version.language, as_meta(version.body), version.footer), template)
            if first is not template:
                place = ("languages", version.language, "body")
                yield f"{template.where(place)}: {template.name}: says the same as {first.name} in {version.language}"
