"""The setting that names the provider, and what each cannot do without."""

from typing import Any

import pytest
from pydantic import ValidationError

from passaparola.errors import CommandError
from passaparola.settings import REQUIRED_OF_TWILIO, Settings, require_whatsapp

TWILIO: dict[str, Any] = {
    "PASSAPAROLA_PROVIDER": "twilio",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "hidden-9",
    "TWILIO_WHATSAPP_NUMBER": "whatsapp:+14155238886",
}


def settings_of(**values: Any) -> Settings:
    known = {str(field.alias): field.get_default() for field in Settings.model_fields.values()}
    return Settings(**{**known, **values})


def test_meta_is_the_provider_unless_another_is_named() -> None:
    assert settings_of().provider == "meta"
    assert settings_of(WHATSAPP_PHONE_NUMBER_ID="123").number_id == "123"


def test_twilios_number_is_known_by_its_digits() -> None:
    assert settings_of(**TWILIO).number_id == "14155238886"
    assert settings_of(**TWILIO | {"TWILIO_WHATSAPP_NUMBER": "+14155238886"}).number_id == "14155238886"


@pytest.mark.parametrize("missing", REQUIRED_OF_TWILIO.values())
def test_what_twilio_cannot_do_without_is_named(missing: str) -> None:
    require_whatsapp(settings_of(**TWILIO))
    with pytest.raises(CommandError, match=f"^{missing} is not set; docs/providers.md") as caught:
        require_whatsapp(settings_of(**TWILIO | {missing: ""}))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSAPAROLA_PROVIDER", "vonage"), ("TWILIO_ACCOUNT_SID", "SK1"), ("TWILIO_WHATSAPP_NUMBER", "14155238886"),
        ("TWILIO_WHATSAPP_NUMBER", "+1 415"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings_of(**TWILIO | {name: value})


def test_the_token_is_shown_nowhere() -> None:
    assert "hidden" not in repr(settings_of(**TWILIO))
