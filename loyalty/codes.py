"""Codes that people read aloud and type: no look-alikes, and a check character that finds typing mistakes."""

import re
import secrets

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Thirty signs: without 0/O, 1/I/L and U."""

VOUCHER_SIGNS = 13
"""Random signs of a voucher: 13 × log2(30) = 63.8 bits."""
REFERRAL_SIGNS = 7
"""Random signs of a referral code: a name, not a secret, so 34 bits do; the database keeps it unique."""

_SEPARATORS = re.compile(r"[\s\-–—_.]+")
_GROUP = 4
_IN_TEXT = re.compile(rf"(?i)(?<![A-Z0-9])(?:[{ALPHABET}][\s-]?){{{REFERRAL_SIGNS}}}[{ALPHABET}](?![A-Z0-9])")


def new_code(signs: int) -> str:
    """A random code of `signs` signs and a check character (ISO 7064 hybrid, over our alphabet)."""
    body = random_signs(signs)
    return body + str(mod_37_36.calc_check_digit(body, ALPHABET))


def random_signs(count: int) -> str:
    """So many signs of the alphabet, each as likely as any other; one draw from the system's randomness."""
    number = secrets.randbelow(len(ALPHABET) ** count)
    signs = []
    for _ in range(count):
        number, place = divmod(number, len(ALPHABET))
        signs.append(ALPHABET[place])
    return "".join(signs)


def read_code(text: str) -> str | None:
    """The code somebody typed, in its stored spelling, or None if it cannot be one (its check fails)."""
    code = _SEPARATORS.sub("", text).upper()
    if not code or any(sign not in ALPHABET for sign in code):
        return None
    try:
        mod_37_36.validate(code, ALPHABET)
    except ValidationError:
        return None
    return code


def code_in(text: str) -> str | None:
    """The first thing in a text that is a referral code, in its stored spelling. A word by itself is none."""
    for found in _IN_TEXT.finditer(text):
        typed = found.group()
        code = read_code(typed)
        if code is not None and (any(sign.isdigit() for sign in typed) or "-" in typed):
            return code
    return None


def near_codes(typed: str) -> frozenset[str]:
    """The codes of a referral's length that differ from what was typed by one slip: a wrong sign, one too few, one
    too many, or two neighbours swapped. Whether anybody has one of them is another question.

    Signs that no code has (0, O, 1, I, L, U) are slips as well. Nothing comes back for a text of another length.
    """
    signs = _SEPARATORS.sub("", typed).upper()
    length = REFERRAL_SIGNS + 1
    slips: set[str] = set()
    if len(signs) == length:
        slips |= {signs[:at] + sign + signs[at + 1 :] for at in range(length) for sign in ALPHABET}
        slips |= {signs[:at] + signs[at + 1] + signs[at] + signs[at + 2 :] for at in range(length - 1)}
    elif len(signs) == length - 1:
        slips |= {signs[:at] + sign + signs[at:] for at in range(length) for sign in ALPHABET}
    elif len(signs) == length + 1:
        slips |= {signs[:at] + signs[at + 1 :] for at in range(length + 1)}
    return frozenset(code for slip in slips if slip != signs and (code := read_code(slip)) is not None)


def show_code(code: str) -> str:
    """The code in groups, as it is shown: `K7QX-4M2P`."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
