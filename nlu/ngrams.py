"""What a chat message is made of, for a classifier.

Words and pairs carry the meaning; pieces of words make it sturdy against typing mistakes and endings; beginnings of
neighbours forgive both at once; skeletons bring Arabic and Arabizi together; and a "yes" is a short message.
"""

from collections.abc import Iterator
from itertools import pairwise

from nlu.arabizi import skeleton
from nlu.spelling import tokens

SHORTEST, LONGEST = 2, 5
_STEM = 4
_LENGTHS = (1, 2, 3, 4, 7, 13)
"""Words up to which messages count as equally long."""


def ngrams(text: str) -> Iterator[str]:
    """The features of a text; each may come several times."""
    found = tokens(text)
    for word in found:
        yield f"={word}"
        if word[0] != "#":
            padded = f" {word} "
            for size in range(SHORTEST, LONGEST + 1):
                for start in range(len(padded) - size + 1):
                    yield padded[start : start + size]
    for first, second in pairwise(found):
        yield f"={first} {second}"
        yield f"*{first[:_STEM]} {second[:_STEM]}"
    bones = [bone for word in found if word[0] != "#" and (bone := skeleton(word))]
    for bone in bones:
        yield f"~{bone}"
    for first, second in pairwise(bones):
        yield f"~{first} {second}"
    yield f"#{sum(len(found) > length for length in _LENGTHS)}"
