"""What says who somebody is, taken out of her words before anybody reads them.

Better one word too many than one too few: a masked amount costs a designer a guess, a name that is left costs a
customer her trust. What stays: names of others without a capital letter, and numbers of less than six digits.
"""

from collections.abc import Collection, Sequence
from typing import Final

import regex

from conversation.choosing.spelling import normalise
from loyalty.codes import read_code

MASKS: Final = ("[link]", "[mail]", "[account]", "[number]", "[code]", "[secret]", "[name]")
_GAP = r"[\s().\-‐-―/·_*\p{Cf}]{0,4}"
"""What people write between the digits of a number, signs of direction that are copied with it among them."""
_ENDINGS = "com|net|org|info|edu|io|app|shop|link|page"
_SUBSTITUTES = (
    (regex.compile(r"(?i)(?:https?://|www\.)\S+"), "[link]"),
    (regex.compile(r"[^\s@]+@[^\s@]+"), "[mail]"),
    (
        regex.compile(
            r"(?i)(?<![\w.+-])[\w.+-]++\s?(?:@|[(\[]at[)\]]|\b(?:chiocciola|arroba|arobase)\b)\s?"
            r"[\w-]+\s?(?:\.|\b(?:dot|punto|point)\b)\s?[a-z]{2,4}\b"
        ),
        "[mail]",
    ),
    (regex.compile(rf"(?i)(?<![\w.+-])[\w.+-]++\s(?:at|@)\s[\w-]+\s?(?:\.|\bdot\b)\s?(?:{_ENDINGS})\b"), "[mail]"),
    (
        regex.compile(
            rf"(?i)(?<![\w.-])[a-z0-9-]++(?:\.[a-z0-9-]++)*+(?:(?<=\.[a-z]{{2,9}})/\S*|(?<=\.(?:{_ENDINGS})))"
        ),
        "[link]",
    ),
    (
        regex.compile(
            r"(?i)(?<!\w)(?=(?:[a-z\s-]*\d){8})[a-z]{2}\d{2}(?:[\s-]?[a-z0-9]{4}){2,7}(?:[\s-]?[a-z0-9]{1,3})?(?!\w)"
        ),
        "[account]",
    ),
    (regex.compile(r"(?:[*•#]{2,}|\b[xX]{4})(?:[\s-]?[*•#xX]+)*[\s-]?\d{2,6}\b"), "[number]"),
    (regex.compile(rf"\+?\d(?:{_GAP}\d){{6,}}|(?<!\d)\d{{6,}}"), "[number]"),
    (
        regex.compile(
            r"(?i)\b(cvv2?|cvc2?|pin|otp|passwords?|passwd|pwd|psw|contraseña|clave|mot de passe|mdp|الرقم السري"
            r"|كلمة السر)((?:\W{1,3}(?:is|è|es|est|هو|هي)\b)?\W{1,3})(?=\S*\d)\S+"
        ),
        r"\1\2[secret]",
    ),
    (regex.compile(r"(?<!\w)@[\w.]{2,}"), "[name]"),
)
_CODE = regex.compile(
    r"(?<![\w-])(?=[a-zA-Z-]*\d|[A-Z]{4}-?[A-Z])[a-zA-Z0-9]{4}(?:-?[a-zA-Z0-9]{4}){1,3}(?:-?[a-zA-Z0-9]{1,3})?(?![\w-])"
)
_AMOUNT = regex.compile(r"\d{2,}[a-z]+")
_SPACED_CODE = regex.compile(
    r"(?<![\w-])(?:(?=[A-Z ]*\d)[A-Z0-9]{4}(?: [A-Z0-9]{4}){1,3}(?: [A-Z0-9]{2})?"
    r"|(?i:(?=[a-z]*\d)[a-z0-9]{4}(?: (?=[a-z]*\d)[a-z0-9]{4}){1,3}))(?![\w-])"
)
_REFERENCE = regex.compile(
    r"(?i)(?<![\w-])(?=[a-z\d-]*[a-z])(?=[a-z\d-]*\d\d)(?=(?:[a-z-]*\d){3})(?!\d+[a-z]+(?![\w-]))[a-z\d-]{6,}(?![\w-])"
)
"""Letters and digits mixed, as in numbers of orders and passports; not "500pts", nor Arabic in Latin letters."""
_NAME = r"\p{Lu}[\p{L}\p{M}'’-]*"
_CALLED = regex.compile(
    r"(?i:\b((?:my name(?: is|['’]?s)|i am called|mi chiamo|mio nome (?:è|e['’]?)|me llamo|mi nombre es"
    r"|je m['’ ]?appelle|mon (?:pré|pre)?nom (?:est|c['’]est)|[ie]smi)\s+)(?!(?:not?|non|pas|on|in|wrong)\b))"
    rf"[\p{{L}}\p{{M}}'’-]+(?:\s+{_NAME}){{0,3}}"
)
_CALLED_ARABIC = regex.compile(r"\b([أإا]سمي\s+)\p{Arabic}+(?:\s+(?!و)\p{Arabic}+)?")
_ADDRESSED = regex.compile(
    r"(?i:(?<!\w)((?:i am|i['’]?m|this is|sono|soy|je suis|c['’]est|signora?|sig\.?(?:ra)?|mrs?\.?|ms\.?|dr\.?|dott\.?"
    rf"|señora?|sra?\.?|monsieur|madame|mme)\s+)){_NAME}(?:\s+{_NAME}){{0,2}}"
)
_WORD = regex.compile(r"[\p{L}\p{M}]+")
_CAPITAL = regex.compile(rf"\b{_NAME}")
_BEGINS = regex.compile(r"(?:^|[.!?…:\n؟]|\p{Extended_Pictographic})[\s\"'«“(¿¡]*$")
_SHORTEST_NAME = 3
_PROCLITICS = "وفبلك"
"""Letters that Arabic writes in one with the word behind them: and, so, with, for, like."""


def anonymous(text: str, *names: str) -> str:
    """The text without links, addresses, long numbers, codes, secrets, and names.

    Names are the words of `names`, however they are spelt, and those that somebody introduces herself by.
    """
    for pattern, instead in _SUBSTITUTES:
        text = pattern.sub(instead, text)
    text = _REFERENCE.sub("[code]", _SPACED_CODE.sub("[code]", _CODE.sub(_masked_code, text)))
    for pattern in (_CALLED, _CALLED_ARABIC, _ADDRESSED):
        text = pattern.sub(r"\1[name]", text)
    whole = {word for name in names for word in _WORD.findall(name)}
    spelt = {normalise(word) for word in whole if len(word) >= _SHORTEST_NAME}
    return _replaced(text, [word for word in _WORD.finditer(text) if _is_name(word.group(), whole, spelt)])


def without_likely_names(text: str, known: Collection[str]) -> str:
    """The text without capitalised words inside its sentences that are not `known` (normalised) as words.

    The first word of a sentence has a capital anyway: it is taken out only in front of another name.
    """
    if text == text.upper():  # capitals tell nothing
        return text
    found: list[regex.Match[str]] = []
    for word in reversed(list(_CAPITAL.finditer(text))):
        last = regex.split(r"['’]", word.group())[-1]
        if len(last) < 2 or word.group().isupper() or normalise(last) in known or _masks(text, word):
            continue
        followed = bool(found) and not text[word.end() : found[-1].start()].strip()
        if followed or not _BEGINS.search(text, 0, word.start()):
            found.append(word)
    return _replaced(text, found[::-1])


def _masked_code(match: "regex.Match[str]") -> str:
    """The mask of what is typed like a code; "1000points" and Arabic in Latin letters ("mosta7eel") are none."""
    typed = match.group()
    if read_code(typed) is None and _AMOUNT.fullmatch(typed):
        return typed
    digits = sum(sign.isdigit() for sign in typed)
    like = "-" in typed or (digits and typed.isupper()) or digits > 1 or read_code(typed) is not None
    return "[code]" if like else typed


def _is_name(word: str, whole: Collection[str], spelt: Collection[str]) -> bool:
    """Whether a word is one of a name: short ones as they are written, longer ones in any spelling."""
    if word in whole and word[0].isupper():
        return True
    bare = normalise(word)
    return bare in spelt or (bare[0] in _PROCLITICS and bare[1:] in spelt)


def _masks(text: str, word: "regex.Match[str]") -> bool:
    return text[word.start() - 1 : word.end() + 1] in MASKS


def _replaced(text: str, words: Sequence["regex.Match[str]"]) -> str:
    """The text with `[name]` for some of its words."""
    for word in reversed(words):
        if not _masks(text, word):
            text = f"{text[: word.start()]}[name]{text[word.end() :]}"
    return text
