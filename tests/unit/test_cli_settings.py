"""Settings: what is wrong or missing is named in one line, and no secret is shown."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from passaparola.errors import CommandError
from passaparola.settings import REQUIRED, Settings, require_whatsapp
from tests.unit.helpers_cli import clean_environment

SECRETS: dict[str, Any] = {
    "PASSAPAROLA_API_KEY": "hidden-1",
    "WHATSAPP_ACCESS_TOKEN": "hidden-2",
    "WHATSAPP_APP_SECRET": "hidden-3",
    "WHATSAPP_VERIFY_TOKEN": "hidden-4",
    "SHOPIFY_WEBHOOK_SECRET": "hidden-5",
    "WOOCOMMERCE_WEBHOOK_SECRET": "hidden-6",
    "PASSAPAROLA_DATABASE_URL": "postgresql://aurora:hidden-7@db/aurora",
    "PASSAPAROLA_REDIS_URL": "redis://:hidden-8@cache",
}
READ = """
import json, os, sys
from passaparola.errors import CommandError
from passaparola.settings import read_settings

before, told = dict(os.environ), []
for environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(before | environment)
    try:
        settings = read_settings()
    except CommandError as error:
        told.append(str(error))
    else:
        told.append(settings.model_dump(mode="json"))
json.dump(told, sys.stdout)
"""


def settings_of(**values: Any) -> Settings:
    """Settings with these values and no others, whatever the environment holds."""
    known = {str(field.alias): field.get_default() for field in Settings.model_fields.values()}
    return Settings(**{**known, **values})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is taken for the project's."""
    (tmp_path / "config.yml").touch()
    return tmp_path


def read_in_turn(folder: Path, *environments: dict[str, str]) -> list[Any]:
    """What `read_settings` gives or says in each environment."""
    done = subprocess.run(
        [sys.executable, "-c", READ], input=json.dumps(environments), cwd=folder, env=clean_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert isinstance(told, list)
    return told


WRONG = {
    "PASSAPAROLA_CHAT_PORT": ("http", "0", "65536", "-1", "5005.5", ""),
    "PASSAPAROLA_SERVICE_PORT": ("http", "0", "65536"),
}


def test_a_wrong_value_is_one_line_that_names_the_variable(project: Path) -> None:
    cases = [(name, value) for name, values in WRONG.items() for value in values]
    told = read_in_turn(project, *({name: value} for name, value in cases))
    for (name, value), said in zip(cases, told, strict=True):
        assert isinstance(said, str), (name, value, said)
        assert said.startswith(f"{name}: ")
        assert said.endswith("; correct it in the environment or in .env")
        assert len(said.splitlines()) == 1


def test_the_environment_goes_before_the_file_and_the_file_before_the_defaults(project: Path) -> None:
    (project / ".env").write_text(
        "PASSAPAROLA_CHAT_PORT=6001\nPASSAPAROLA_SERVICE_PORT=6002\nSOMETHING_ELSE=x\nWHATSAPP_CHAT_URL=https://wa.example\n"
    )
    (told,) = read_in_turn(project, {"PASSAPAROLA_CHAT_PORT": "7001"})
    assert (told["chat_port"], told["service_port"], told["chat_url"]) == (7001, 6002, "https://wa.example")
    assert told["graph_url"] == "https://graph.facebook.com/v24.0"
    (project / ".env").write_text("PASSAPAROLA_CHAT_PORT=http\n")
    (said,) = read_in_turn(project, {})
    assert said.startswith("PASSAPAROLA_CHAT_PORT: ")


def test_without_any_settings_the_contract_s_defaults_hold(project: Path) -> None:
    (told,) = read_in_turn(project, {})
    assert told["database_url"] == "sqlite:///var/passaparola.db"
    assert (told["chat_port"], told["service_port"]) == (5005, 8080)
    assert told["public_url"] == "http://127.0.0.1:8080"
    assert told["programme"] == "programmes/cafe.yml"
    assert [told[name] for name in ("redis_url", "api_key", "shopify_secret", "woocommerce_secret")] == [None] * 4


def test_another_folder_than_the_project_s_is_refused(tmp_path: Path) -> None:
    (said,) = read_in_turn(tmp_path, {})
    assert isinstance(said, str)
    assert "config.yml" in said
    assert len(said.splitlines()) == 1


def test_every_variable_of_the_contract_is_read() -> None:
    contract = {
        *SECRETS, "PASSAPAROLA_PROGRAMME", "PASSAPAROLA_CHAT_PORT", "PASSAPAROLA_SERVICE_PORT",
        "PASSAPAROLA_PUBLIC_URL", "WHATSAPP_GRAPH_URL", "WHATSAPP_PHONE_NUMBER_ID",
    }  # fmt: skip
    assert contract <= {field.alias for field in Settings.model_fields.values()}


def test_no_secret_is_shown_where_settings_are_shown() -> None:
    settings = settings_of(**SECRETS)
    assert settings.access_token.get_secret_value() == "hidden-2"
    assert settings.database_url == SECRETS["PASSAPAROLA_DATABASE_URL"]
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hidden" not in shown
        assert "chat_port=5005" in shown


@pytest.mark.parametrize("missing", REQUIRED.values())
def test_what_the_connector_cannot_do_without_is_named(missing: str) -> None:
    values = dict.fromkeys(REQUIRED.values(), "set")
    require_whatsapp(settings_of(**values))
    for empty in ({missing: ""}, {}):
        given = {name: value for name, value in values.items() if name != missing} | empty
        with pytest.raises(CommandError, match=f"^{missing} is not set") as caught:
            require_whatsapp(settings_of(**given))
        assert len(str(caught.value).splitlines()) == 1


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings_of().chat_port = 1  # type: ignore[misc]  # that is the point
