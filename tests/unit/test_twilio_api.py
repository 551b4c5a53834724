"""What goes to Twilio: the form of each part, its templates, and its codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import AskHer, Malformed, NotConfigured, OutsideWindow
from connectors.twilio.api import TwilioApi, TwilioConfig
from connectors.twilio.codes import CODES
from connectors.twilio.contents import Contents, read_contents
from connectors.twilio.render import LIMITS, fields_of
from conversation.leaving.outbox import Due
from simulator import Customer, ServiceWindow
from simulator.twilio_api import ACCOUNT, TOKEN, StandInTwilio, TwilioForms, serve

SID = "HX" + "0123456789abcdef" * 2
PICTURE = "https://a.example/1.png"


def form(message: dict[str, Any], contents: Contents | None = None) -> dict[str, str]:
    """The form of a part, without the addresses."""
    due = Due(17, "14155238886", "+393331234567", None, {"text": "", "image": None, **message}, 1)
    fields = dict(fields_of(due, contents or Contents(), callback=None))
    assert (fields.pop("From"), fields.pop("To")) == ("whatsapp:+14155238886", "whatsapp:+393331234567")
    return fields


CHOICES = [{"id": "K-0", "title": "Espresso", "detail": None}, {"id": "K-1", "title": "Mug", "detail": "200 points"}]
FORMS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"style": "plain", "text": "ciao"}, {"Body": "ciao"}),
    ({"style": "plain", "text": "ciao", "image": PICTURE}, {"Body": "ciao", "MediaUrl": PICTURE}),
    ({"style": "plain", "image": PICTURE}, {"MediaUrl": PICTURE}),
    ({"style": "numbered", "text": "Which?\n\n1. Espresso", "choices": CHOICES}, {"Body": "Which?\n\n1. Espresso"}),
    ({"style": "medium", "medium": {"kind": "audio", "link": PICTURE}}, {"MediaUrl": PICTURE}),
    # laid out for another provider, waiting while it was changed
    ({"style": "medium", "text": "Data", "medium": {"kind": "document", "link": PICTURE}},
     {"Body": f"Data\n\n{PICTURE}"}),
    ({"style": "list", "text": "Which?", "choices": CHOICES}, {"Body": "Which?\n\n1. Espresso\n2. Mug · 200 points"}),
    ({"style": "link", "text": "Look", "link": {"title": "Open", "url": PICTURE}},
     {"Body": f"Look\n\nOpen: {PICTURE}"}),
    ({"style": "request", "text": "Your number?", "request": "contact"}, {"Body": "Your number?"}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "fields"), FORMS)
def test_each_part_has_its_form(message: dict[str, Any], fields: dict[str, str]) -> None:
    assert form(message) == fields


def test_what_twilio_cannot_send_is_an_error_that_says_so() -> None:
    with pytest.raises(Malformed, match="another provider"):
        form({"style": "medium", "medium": {"kind": "image", "id": "123"}})
    with pytest.raises(Malformed, match="products"):
        form({"style": "products", "products": {}})
    with pytest.raises(AskHer, match="phone number"):
        fields_of(Due(1, "1", None, "IT.1", {"style": "plain", "text": "x"}, 1), Contents(), callback=None)


def test_its_limits_leave_no_buttons_and_no_lists() -> None:
    assert (LIMITS.buttons, LIMITS.rows, LIMITS.text) == (0, 0, 1600)


def test_no_code_asks_for_two_things() -> None:
    listed = [code for codes in CODES.values() for code in codes]
    assert len(listed) == len(set(listed))


# ---- templates


def template(**told: Any) -> dict[str, Any]:
    return {"style": "template", "template": {"name": "points_earned", "language": "it", **told}, "choices": CHOICES}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "twilio.yml"


def test_a_template_goes_as_its_content_with_numbered_variables(file: Path) -> None:
    file.write_text(f"points_earned:\n  variables: [points, programme, choice2]\n  it: {SID}\n")
    told = form(template(parameters={"programme": "Aurora", "points": "5\n punti"}), read_contents(file))
    assert told["ContentSid"] == SID
    assert json.loads(told["ContentVariables"]) == {"1": "5 punti", "2": "Aurora", "3": "K-1"}


def test_a_template_without_named_variables_counts_its_parameters(file: Path) -> None:
    file.write_text(f"points_earned:\n  it: {SID}\n")
    contents = read_contents(file)
    assert json.loads(form(template(parameters=["a", "b"]), contents)["ContentVariables"]) == {"1": "a", "2": "b"}
    assert form(template(), contents) == {"ContentSid": SID}


def test_a_template_twilio_does_not_have_or_that_lacks_a_value_is_withheld(file: Path) -> None:
    file.write_text(f"points_earned:\n  variables: [points]\n  en: {SID}\n  it: {SID}\n")
    contents = read_contents(file)
    with pytest.raises(OutsideWindow, match=r"twilio\.yml has no ContentSid for birthday in it"):
        form({"style": "template", "template": {"name": "birthday", "language": "it"}}, contents)
    with pytest.raises(OutsideWindow, match="no value for points"):
        form(template(parameters={"points": " "}), contents)


@pytest.mark.parametrize(
    "text", ["a: 1", "- a", "a: {it: HX1}", "a: {it: 5}", "a: {variables: x}", "a: {variables: [1]}", "a: {", "\t"]
)
def test_a_file_that_is_wrong_is_one_line_that_names_it(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(NotConfigured, match=r"twilio\.yml") as caught:
        read_contents(file)
    assert len(str(caught.value).splitlines()) == 1


def test_without_a_file_there_are_no_templates(file: Path) -> None:
    assert not read_contents(file).known
    file.write_text("")
    assert not read_contents(file).known


# ---- on the stand-in


async def test_the_stand_in_takes_what_we_send_and_asks_for_receipts_at_our_address() -> None:
    twilio = StandInTwilio(window=ServiceWindow(), clock=lambda: 0.0)
    async with serve(twilio) as url, api(url) as provider:
        sid = await provider.send(Due(17, "14155238886", "+393331234567", None, {"style": "plain", "text": "x"}, 1))
    (sent,) = twilio.messages
    assert sent.sid == sid
    assert sent.form["StatusCallback"] == "https://chat.example/webhooks/twilio/status?outbox=17"
    assert sent.failure == 63016, "nobody wrote: Twilio tells so later"
    assert TwilioForms("https://chat.example").status(sent, "failed", 63016).path.endswith("?outbox=17")


def api(url: str, public_url: str | None = "https://chat.example/") -> TwilioApi:
    return TwilioApi(TwilioConfig(url, ACCOUNT, TOKEN, Contents(), public_url))


def test_without_a_public_address_receipts_are_said_to_be_lacking() -> None:
    assert "PASSAPAROLA_PUBLIC_CHAT_URL" in api("http://127.0.0.1", None).lacks["receipts"]
    assert "receipts" not in api("http://127.0.0.1").lacks


def test_a_customer_of_the_simulator_has_an_address_twilio_knows() -> None:
    assert b"whatsapp%3A%2B39333" in TwilioForms("https://x").text(Customer("Anna", "+393331234567"), "a").body
