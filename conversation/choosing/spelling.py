"""What two spellings of a word have in common."""

import unicodedata
from functools import lru_cache

import regex

_NOISE = regex.compile(r"[^\p{L}\p{N}%€$£]+")


@lru_cache(4096)
def normalise(text: str) -> str:
    """Lower case, no accents, no signs, one kind of digit: what two spellings of a word have in common.

    A text of signs alone, such as 👍, stays what it is.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    digits = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in bare)
    return _NOISE.sub(" ", digits).strip() or text.strip()
