"""Deliveries are signed as documented: what docs/hooks.md shows verifies them, and nothing else."""

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from loyalty.news import Kind
from service.hooks.queue import Batch, Taken
from service.hooks.signing import headers, new_secret

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text("utf-8")
BODY = '{"id": "1", "name": "Citt\u00e0"}'.encode()
NOW = 1_800_000_000


@pytest.fixture(scope="module")
def is_ours() -> Callable[..., bool]:
    """The function of the page."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    function: Callable[..., bool] = names["is_ours"]
    return function


def test_what_we_sign_is_ours(is_ours: Callable[..., bool]) -> None:
    secret = new_secret()
    assert is_ours(headers("msg", NOW, BODY, [secret]), BODY, secret, now=NOW + 299)


def test_both_live_secrets_sign(is_ours: Callable[..., bool]) -> None:
    new, former = new_secret(), new_secret()
    signed = headers("msg", NOW, BODY, [new, former])
    assert is_ours(signed, BODY, new, now=NOW)
    assert is_ours(signed, BODY, former, now=NOW)
    assert not is_ours(signed, BODY, new_secret(), now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "other"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,\u00e0"},
    ],
)
def test_what_was_changed_is_not(is_ours: Callable[..., bool], change: Mapping[str, str]) -> None:
    secret = new_secret()
    assert not is_ours({**headers("msg", NOW, BODY, [secret]), **change}, BODY, secret, now=NOW)


def test_another_body_or_an_old_one_is_not(is_ours: Callable[..., bool]) -> None:
    secret = new_secret()
    signed = headers("msg", NOW, BODY, [secret])
    assert not is_ours(signed, BODY + b" ", secret, now=NOW)
    assert not is_ours(signed, BODY, secret, now=NOW + 301)


def test_a_known_signature() -> None:
    """The example of the Standard Webhooks specification's reference libraries."""
    signed = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_long_and_all_different() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(one.removeprefix("whsec_"))) for one in made} == {32}


def test_what_is_sent_shows_neither_secret_nor_body() -> None:
    secret = new_secret()
    shown = repr(Batch("hook", "https://example.org", (Taken("d", 1, "m", b"+39333", (secret,), None),)))
    assert secret not in shown
    assert "+39333" not in shown


def test_the_page_names_every_event() -> None:
    assert {kind.value for kind in Kind} <= set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGE))
