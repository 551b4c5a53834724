"""What a webhook tells beside messages and receipts: identities, preferences, templates, the account, problems."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.whatsapp.updates import read_batch
from conversation.arriving.happenings import AccountEvent, IdentityChanged, PreferenceChanged, Problem, TemplateChanged
from conversation.arriving.incoming import Pricing, Sender
from tests.unit.helpers_webhooks import (
    FIELDS,
    NUMBER_ID,
    PHONE,
    SENT_AT,
    STATUSES,
    SYSTEM,
    USER_ID,
    Json,
    contact,
    entry,
    message,
    preference,
    raw,
    read,
    read_status,
    value,
    webhook,
)

AT = datetime.fromtimestamp(int(SENT_AT), UTC)


def system(kind: str, **sender: Any) -> Json:
    return {**message(**sender), **SYSTEM[kind]}


def field(name: str, told: Json, *, at: int | None = int(SENT_AT)) -> Json:
    return webhook({**entry(told, field=name), "time": at})


# ---- identities


@pytest.mark.parametrize("kind", ["number", "number of old"])
def test_a_customer_with_a_new_number_is_known_by_the_old_and_the_new(kind: str) -> None:
    batch = read(value(messages=[system(kind)]))
    assert batch.messages == ()
    (event,) = batch.events
    assert isinstance(event, IdentityChanged)
    assert (event.number_id, event.at) == (NUMBER_ID, AT)
    assert (event.before, event.after) == (Sender(PHONE, None), Sender("12195555358", None))


def test_a_customer_with_a_new_user_id_is_known_by_the_old_and_the_new() -> None:
    for sender in ({"from_user_id": "US.2222"}, {"from_user_id": USER_ID}, {"from_": None}):
        (event,) = read(value(messages=[system("user id", **sender)])).events
        assert isinstance(event, IdentityChanged)
        assert event.before == Sender(None, USER_ID)
        assert event.after.user_id == "US.2222"


def test_a_new_user_id_may_stand_in_the_contacts_alone() -> None:
    told = {**SYSTEM["user id"], "system": {"type": "user_changed_user_id", "previous_user_id": USER_ID}}
    (event,) = read(value(messages=[{**message(), **told}], contacts=[contact(user_id="US.3333")])).events
    assert isinstance(event, IdentityChanged)
    assert event.after == Sender(PHONE, "US.3333")


def test_a_new_number_may_come_with_a_new_user_id() -> None:
    told = {"type": "user_changed_number", "wa_id": "12195555358", "user_id": "US.2222", "previous_user_id": USER_ID}
    (event,) = read(value(messages=[{**message(), "type": "system", "system": told}])).events
    assert isinstance(event, IdentityChanged)
    assert (event.before, event.after) == (Sender(PHONE, USER_ID), Sender("12195555358", "US.2222"))


@pytest.mark.parametrize(
    "told",
    [
        {"type": "user_changed_number"}, {"type": "user_changed_number", "wa_id": PHONE}, {"type": None}, {},
        {"type": "user_changed_user_id", "previous_user_id": USER_ID}, {"type": "user_changed_user_id"},
    ],
)  # fmt: skip
def test_a_change_that_does_not_say_from_what_to_what_is_none(told: Json) -> None:
    events = read(value(messages=[{**message(), "type": "system", "system": told}])).events
    assert [type(event) for event in events] in ([], [AccountEvent])


def test_a_system_message_of_the_future_is_an_event_of_the_account() -> None:
    told = {**message(), "type": "system", "system": {"type": "user_went_to_the_moon", "body": "…"}}
    (event,) = read(value(messages=[told])).events
    assert isinstance(event, AccountEvent)
    assert (event.what, event.value) == ("system", "user_went_to_the_moon")


# ---- preferences


@pytest.mark.parametrize(("wish", "wanted"), [("stop", False), ("resume", True)])
def test_what_a_customer_tells_whatsapp_about_marketing_is_read(wish: str, wanted: bool) -> None:
    (event,) = read_batch(raw(field("user_preferences", preference(wish, user_id=USER_ID)))).events
    assert isinstance(event, PreferenceChanged)
    assert (event.wanted, event.category, event.at) == (wanted, "marketing_messages", AT)
    assert (event.sender.phone, event.sender.user_id) == (PHONE, USER_ID)
    assert event.words == f"User requested to {wish} marketing messages"


@pytest.mark.parametrize("wish", ["maybe", "", None, 7, ["stop"]])
def test_a_wish_that_is_none_is_passed_over(wish: str) -> None:
    assert not read_batch(raw(field("user_preferences", preference(wish))))


# ---- templates, the account, problems


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("message_template_status_update", "REJECTED"), ("message_template_quality_update", "RED"),
        ("template_category_update", "MARKETING"),
    ],
)  # fmt: skip
def test_what_becomes_of_templates_is_told(name: str, state: str) -> None:
    (event,) = read_batch(raw(field(name, FIELDS[name]))).events
    assert isinstance(event, TemplateChanged)
    assert (event.what, event.value, event.template_id) == (name, state, "594425479261596")
    assert (event.name, event.language, event.account_id) == ("points_expire", "it", "419561257915477")
    assert event.detail == FIELDS[name]
    assert event.at == AT


@pytest.mark.parametrize("name", [name for name in FIELDS if "template" not in name])
def test_what_becomes_of_the_account_is_told(name: str) -> None:
    (event,) = read_batch(raw(field(name, FIELDS[name]))).events
    assert isinstance(event, AccountEvent)
    assert (event.what, event.detail) == (name, FIELDS[name])


@pytest.mark.parametrize("name", ["calls", "history", "group_lifecycle_update", "user_id_update", "x" * 500])
def test_of_a_field_nobody_knows_the_names_are_kept_and_nobodys_number(name: str) -> None:
    told = value(calls=[{"from": PHONE, "id": "wacid.1"}])
    (event,) = read_batch(raw(field(name, told))).events
    assert isinstance(event, AccountEvent)
    assert event.what == name[:64]
    assert PHONE not in str(event)
    assert event.detail == {"keys": ["messaging_product", "metadata", "calls"]}


def test_errors_that_are_about_no_message_are_problems() -> None:
    (event,) = read(value(errors=[{"code": 131005, "title": "Access denied", "error_data": {"details": "x"}}])).events
    assert isinstance(event, Problem)
    assert (event.code, event.title, event.number_id) == (131005, "Access denied", NUMBER_ID)


# ---- once


def test_the_same_event_has_the_same_id_in_whatever_body_it_comes() -> None:
    for name, told in FIELDS.items():
        first, again = (read_batch(raw(field(name, told))).events[0].id for _ in range(2))
        later = read_batch(raw(field(name, told, at=int(SENT_AT) + 5))).events[0].id
        assert first == again != later
    batch = read(value(messages=[system("number"), system("number")]))
    assert batch.events[0].id == batch.events[1].id
    assert (
        len({event.id for event in read(value(messages=[system("number", id_=str(n)) for n in range(5)])).events}) == 5
    )


def test_a_time_in_milliseconds_is_one() -> None:
    told = field("account_update", FIELDS["account_update"], at=int(SENT_AT) * 1000)
    assert read_batch(raw(told)).events[0].at == AT


# ---- what receipts tell beside their state


def test_a_receipt_tells_what_is_charged_and_who_got_it() -> None:
    receipt = read_status(STATUSES["sent"])
    assert receipt.pricing == Pricing("service", "regular", "PMP")
    assert receipt.recipient == Sender(PHONE, None)
    assert receipt.number_id == NUMBER_ID
    assert read_status(STATUSES["delivered"]).recipient == Sender(None, USER_ID)
    assert read_status(STATUSES["delivered"]).pricing is None


def test_a_voice_message_of_ours_that_was_played_says_so() -> None:
    assert read_status(STATUSES["played"]).state == "played"
