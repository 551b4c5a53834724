"""Measuring, cutting and splitting texts without breaking what a reader takes for one sign."""

import regex

_CLUSTER = regex.compile(r"\X")
_INVISIBLE = regex.compile(r"[\p{Z}\p{C}]*")


def units(text: str) -> int:
    """The length of a text in UTF-16 code units: Meta does not say what it counts, and this is the strictest."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def line(text: str | None) -> str:
    """A text on one line, without spaces around it; empty if there is nothing to be seen of it."""
    return "" if text is None or _INVISIBLE.fullmatch(text) else " ".join(text.split())


def cut(text: str, limit: int) -> str:
    """The text, or as many whole graphemes of it as fit with an ellipsis."""
    if units(text) <= limit:
        return text
    kept, room = [], limit - 1
    for found in _CLUSTER.finditer(text):
        room -= units(found[0])
        if room < 0:
            break
        kept.append(found[0])
    return "".join(kept).rstrip() + "…"


def split(text: str, limit: int) -> list[str]:
    """The text in parts that fit, broken at line ends or spaces where there are any."""
    parts: list[str] = []
    text = text.strip()
    while units(text) > limit:
        head = cut(text, limit).removesuffix("…") or text[: limit // 2]  # one endless grapheme is broken
        at = max(head.rfind("\n"), head.rfind(" "))
        head = head[: at + 1] if at > len(head) // 2 else head
        parts.append(head.strip())
        text = text[len(head) :].lstrip()
    return [*parts, text] if text else parts
