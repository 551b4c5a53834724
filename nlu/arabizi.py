"""Arabic in its own letters and in Latin ones ("عندي كام نقطة", "3andi kam no2ta") by the same sound skeleton.

Nobody spells Arabizi alike, but the consonants stay: without vowels, and with letters that are written for one another
thrown together, both ways of writing meet. Latin words of other languages get a skeleton too, which forgives the
vowels that people leave out ("pnts").
"""

import regex

_DOUBLED = regex.compile(r"(.)\1+")
_ARABIC = dict(zip("بتثجحخدذرزسشصضطظعغفقكلمنه", "btsghxddrzsSsdtz3gfkklmnh", strict=True))
_PAIRS = (("sh", "S"), ("ch", "S"), ("kh", "X"), ("gh", "g"), ("th", "t"), ("dh", "d"), ("ph", "f"))
_LATIN = dict(zip("bcdfghjklmnpqrstvxzSXñ2356789", "bkdfghgklmnbkrstfszSxnk3xthks", strict=True))
_ARTICLE = "ال"
_SHORTEST_WITH_ARTICLE = 5


def skeleton(word: str) -> str:
    """The consonants of a levelled word (`nlu.spelling.level`); may be empty."""
    final_h = len(word) > 2 and word[-1] in "hه"  # an ending that is a vowel
    if "\u0600" <= word[0] <= "\u06ff":
        if len(word) >= _SHORTEST_WITH_ARTICLE:
            word = word.removeprefix(_ARTICLE)
        bones = "".join(_ARABIC.get(letter, "") for letter in (word[:-1] if final_h else word))
    else:
        for pair, sound in _PAIRS:
            word = word.replace(pair, sound)
        bones = "".join(_LATIN.get(letter, "") for letter in (word[:-1] if word[-1] == "h" and final_h else word))
    return str(_DOUBLED.sub(r"\1", bones))
