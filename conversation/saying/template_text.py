"""Texts of templates: gaps as in `data/responses` (`{points:points}`), and values as WhatsApp takes them."""

import re
from collections.abc import Mapping

from conversation.messages.cutting import cut, units

GAP = re.compile(r"\{([a-z][a-z_]*)(?::([a-z]+))?\}")
"""A gap's name, and how its value is written. Meta: names have small letters and underscores ("Templates")."""
BODY = 1024
"""Units a body has at most, with its gaps filled (Meta: 132005)."""
EMPTY = "–"
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_WIDE = re.compile(r"\s{2,}")


def gaps_of(text: str) -> dict[str, str]:
    """The names of a text's gaps in the order of the text, and how the value of each is written."""
    return dict(GAP.findall(text))


def put_in(text: str, values: Mapping[str, str]) -> str:
    """The text with its gaps filled. Raises KeyError if a value is missing."""
    return GAP.sub(lambda gap: values[gap[1]], text)


def bare(text: str) -> str:
    """The text without its gaps."""
    return GAP.sub("", text)


def cleaned(value: str) -> str:
    """A value as WhatsApp takes it: on one line, no tabs, no more than one space in a row (132012), never empty."""
    return _WIDE.sub(" ", _INVISIBLE.sub(" ", value)).strip() or EMPTY


def fitted(text: str, values: Mapping[str, str], limit: int = BODY) -> dict[str, str]:
    """The values, cleaned, and the longest of them cut so that the text with them is no longer than `limit` units."""
    fit = {name: cleaned(value) for name, value in values.items()}
    while (excess := units(put_in(text, fit)) - limit) > 0:
        longest = max(fit, key=lambda name: units(fit[name]) * len(re.findall(rf"\{{{name}[:}}]", text)))
        shorter = cut(fit[longest], max(1, units(fit[longest]) - excess))
        if shorter == fit[longest]:
            break
        fit[longest] = shorter
    return fit
