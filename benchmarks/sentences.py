"""What the members write. Both bots get thirteen sentences a language, and no text twice.

A number of seven digits at the end makes every text a new one without changing what it means to either model: a
cache of whole texts, wherever there is one, helps nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle

OURS: Mapping[str, Sequence[str]] = {
    "en": (
        "how many points do I have", "what's my balance", "hi, can you tell me my points please", "show my points",
        "what rewards are there", "show me the rewards please", "what can I get with my points",
        "how do I earn points", "show me my points history", "when do my points expire",
        "send me my invite link", "how does inviting friends work", "show me my vouchers",
    ),
    "it": (
        "quanti punti ho", "ciao, mi dici a quanto sto coi punti", "vorrei sapere il mio saldo", "i miei punti",
        "fammi vedere i premi", "che premi ci sono", "cosa posso prendere coi punti",
        "come si guadagnano i punti", "fammi vedere i movimenti dei punti", "quando scadono i miei punti",
        "mandami il mio link d'invito", "come funziona l'invito degli amici", "fammi vedere i miei buoni",
    ),
}  # fmt: skip
"""Questions our bot answers from its database, each with an action of its own."""

STOCK: Sequence[str] = (
    "hey", "hello", "hi", "hello there", "good morning", "good evening", "moin", "hey there", "hey dude",
    "goodmorning", "goodevening", "good afternoon", "hi there",
)  # fmt: skip
"""Greetings, as `rasa init` has them: the intent that our patch gives a custom action."""


def endless(sentences: Sequence[str], first: int) -> Iterator[str]:
    """The sentences in turn, each time with another number; members who start apart never write the same text."""
    for number, sentence in zip(count(1_000_000 + first), cycle(sentences), strict=False):
        yield f"{sentence} {number}"
