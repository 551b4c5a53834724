"""The draw of a wheel: promised before, decided by both sides, replayed by anybody. Pure arithmetic.

Before a spin the member is shown the SHA-256 of a secret seed. She adds a nonce of her own; only then is the number
drawn: HMAC-SHA256 with the seed as key, over `<spin>:<nonce>`. Afterwards she is told the seed. So the business could
not choose the number (it did not know the nonce), nor could she (she did not know the seed), and nobody can change
either afterwards. `docs/games.md` shows how a customer checks it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from loyalty.errors import Invalid

NONCE_SIGNS = 64
_SPACE = 2**256
"""How many numbers an HMAC-SHA256 can be."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the wheel: a prize and how many of the numbers are its own."""

    prize: str
    weight: int


Fields = Sequence[Field]
"""The fields in the published order: the first has the numbers from 0 on, the next those that follow."""


def new_seed() -> str:
    """A secret for one spin: 256 random bits, as 64 hexadecimal digits."""
    return secrets.token_hex(32)


def commit(seed: str) -> str:
    """What is shown before the draw: SHA-256 of the seed's 64 digits as text, in hexadecimal."""
    return hashlib.sha256(seed.encode()).hexdigest()


def check_nonce(nonce: str) -> str:
    """The nonce, if it is 1 to 64 printable signs: something that can be typed again. Raises `Invalid`."""
    if not 0 < len(nonce) <= NONCE_SIGNS or not nonce.isprintable():
        raise Invalid(f"a nonce has 1 to {NONCE_SIGNS} printable signs", field="nonce")
    return nonce


def number(seed: str, spin: str, nonce: str, total: int) -> int:
    """The number of a draw: 0 to `total` - 1, each exactly as likely as any other."""
    message = f"{spin}:{nonce}"
    while True:
        digest = hmac.new(seed.encode(), message.encode(), hashlib.sha256).hexdigest()
        drawn = fold(int(digest, 16), total)
        if drawn is not None:
            return drawn
        message = digest  # hardly ever: the chance is below total / 2**256


def fold(value: int, total: int) -> int | None:
    """A 256-bit value as a number below `total`; None for the few highest, which would favour low numbers."""
    return value % total if value < _SPACE - _SPACE % total else None


def prize_at(drawn: int, fields: Fields) -> str:
    """The prize on whose field a number lies. Raises `ValueError` beyond the last field."""
    end = 0
    for field in fields:
        end += field.weight
        if 0 <= drawn < end:
            return field.prize
    raise ValueError(f"number {drawn} lies on no field: they end at {end}")


def total_of(fields: Fields) -> int:
    """How many numbers there are."""
    return sum(field.weight for field in fields)


def turn(place: int, fields: Fields) -> int:
    """The number of a member's `place`-th spin (from 1) of a wheel without chance: once round, then again."""
    return (place - 1) % total_of(fields)


def verify(*, spin: str, commitment: str, seed: str, nonce: str, fields: Fields, prize: str) -> bool:
    """Whether a draw was honest, from what the customer was shown and nothing else.

    `spin`, `commitment` and `fields` are what she was shown before the draw, `nonce` is hers, `seed` and `prize` (the
    field that was drawn, also where another prize was given because it had run out) were told after it.
    """
    if not hmac.compare_digest(commit(seed), commitment):
        return False
    return prize_at(number(seed, spin, nonce, total_of(fields)), fields) == prize
