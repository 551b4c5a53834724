"""The command line: help, exit codes, one line for every failure."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from passaparola import VERSION
from passaparola.__main__ import PLACES, cli
from tests.unit.helpers_cli import ROOT, Case, Outcome, clean_environment, run_all

DATABASE = {"PASSAPAROLA_DATABASE_URL": "sqlite:///fresh/store.db"}
WHATSAPP = {
    "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
    "WHATSAPP_ACCESS_TOKEN": "EAAGsecret",
    "WHATSAPP_APP_SECRET": "app-secret",
    "WHATSAPP_VERIFY_TOKEN": "verify-token",
}
CASES = {
    "audit of a fresh database": Case(("audit",), DATABASE),
    "audit again": Case(("audit",), DATABASE),
    "tick": Case(("tick",), {"PASSAPAROLA_DATABASE_URL": "sqlite:///ticked.db"}),
    "tick then": Case(("tick", "--now", "2027-01-01T00:00:00+01:00"), DATABASE),
    "tick at no time": Case(("tick", "--now", "nonsense"), DATABASE),
    "tick without an offset": Case(("tick", "--now", "2027-01-01T00:00:00"), DATABASE),
    "tick without a value": Case(("tick", "--now"), DATABASE),
    "run without settings": Case(("run",), DATABASE),
    **{
        f"run without {name}": Case(("run",), DATABASE | {key: value for key, value in WHATSAPP.items() if key != name})
        for name in WHATSAPP
    },
    "chat without settings": Case(("chat",), DATABASE),
    "a port that is none": Case(("run",), {"PASSAPAROLA_CHAT_PORT": "http"}),
    "a simulator port that is none": Case(("demo",), {"PASSAPAROLA_SIMULATOR_PORT": "http"}),
    "a simulator port that is too large": Case(("demo",), {"PASSAPAROLA_SIMULATOR_PORT": "65536"}),
    "another database": Case(("audit",), {"PASSAPAROLA_DATABASE_URL": "mysql://localhost/x"}),
    "no database": Case(("audit",), {"PASSAPAROLA_DATABASE_URL": "nonsense"}),
    "a database nowhere": Case(("audit",), {"PASSAPAROLA_DATABASE_URL": "sqlite:////proc/nowhere/x.db"}),
    "a programme nowhere": Case(("tick",), DATABASE | {"PASSAPAROLA_PROGRAMME": "nowhere.yml"}),
    "a broken programme": Case(("check",), {"PASSAPAROLA_PROGRAMME": "broken.yml"}),
    "check": Case(("check",), {}),
    "import of nothing": Case(("import-members", "nowhere.csv"), DATABASE),
    "import of something else": Case(("import-members", "domain.yml"), DATABASE),
    "import": Case(("import-members", "members.csv"), DATABASE),
    "import again": Case(("import-members", "members.csv"), DATABASE),
    "alarms": Case(("alarms", "list"), DATABASE),
    "an alarm nowhere": Case(("alarms", "close", "7"), DATABASE),
    "a trace nowhere": Case(("trace", "request-1"), DATABASE),
    "hooks": Case(("hooks", "list"), DATABASE),
    "dead hooks": Case(("hooks", "dead"), DATABASE),
    "a replay of nothing": Case(("hooks", "replay", "nobody"), DATABASE),
    "a replay of what": Case(("hooks", "replay"), DATABASE),
    "shops without settings": Case(("shops", "check"), DATABASE),
    "half a shop": Case(("tick",), DATABASE | {"SHOPIFY_SHOP": "aurora-test.myshopify.com"}),
    "backup": Case(("backup", "backup.db"), DATABASE),
    "backup again": Case(("backup", "backup.db"), DATABASE),
    "restore": Case(("restore", "backup.db"), {"PASSAPAROLA_DATABASE_URL": "sqlite:///restored.db"}),
    "restore again": Case(("restore", "backup.db"), {"PASSAPAROLA_DATABASE_URL": "sqlite:///restored.db"}),
    "restore of nothing": Case(("restore", "nowhere.db"), DATABASE),
    "an unknown option": Case(("audit", "--nonsense"), {}),
    "an unknown command": Case(("nonsense",), {}),
    "version": Case(("--version",), {}),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("installation")
    for name in ("data", "programmes", "domain.yml", "config.yml"):
        (folder / name).symlink_to(ROOT / name)
    cafe = (ROOT / "programmes" / "cafe.yml").read_text("utf-8")
    (folder / "broken.yml").write_text(cafe.replace("currency: EUR", "currency: EURO"), "utf-8")
    (folder / "members.csv").write_text(
        "phone,name,language,opt_in_evidence,points\n+393331234567,Giulia,it,paper form,40\n", "utf-8"
    )
    return run_all(CASES, folder)


# ---- help


def test_every_command_of_the_contract_is_there() -> None:
    assert {"demo", "run", "train", "check", "tick", "audit", "import-members", "campaign"} <= set(PLACES)


@pytest.mark.parametrize("command", sorted(PLACES))
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(command: str, option: str) -> None:
    result = CliRunner().invoke(cli, [command, option])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {command}")
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    assert found.help
    assert found.help.split()[0] in result.output


def test_the_whole_explains_itself() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    assert all(command in result.output for command in PLACES)


@pytest.mark.parametrize("command", sorted(PLACES))
def test_an_unknown_option_is_a_usage_error_for_every_command(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--nonsense"])
    assert result.exit_code == click.UsageError.exit_code == 2
    assert "--nonsense" in result.output


# ---- failures


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tick at no time", "passaparola: --now 'nonsense' is no ISO 8601 instant, such as"),
        ("tick without an offset", "passaparola: --now needs an offset, such as"),
        ("run without settings", "passaparola: WHATSAPP_PHONE_NUMBER_ID is not set"),
        *((f"run without {name}", f"passaparola: {name} is not set") for name in WHATSAPP),
        ("shops without settings", "passaparola: no shop can be asked: set SHOPIFY_SHOP or WOOCOMMERCE_URL"),
        ("half a shop", "passaparola: SHOPIFY_ACCESS_TOKEN is not set, but SHOPIFY_SHOP is"),
        ("chat without settings", "passaparola: WHATSAPP_PHONE_NUMBER_ID is not set"),
        ("a port that is none", "passaparola: PASSAPAROLA_CHAT_PORT: "),
        ("a simulator port that is none", "passaparola: PASSAPAROLA_SIMULATOR_PORT is no port"),
        ("a simulator port that is too large", "passaparola: PASSAPAROLA_SIMULATOR_PORT is no port"),
        ("another database", "passaparola: PASSAPAROLA_DATABASE_URL: mysql is not supported"),
        ("no database", "passaparola: PASSAPAROLA_DATABASE_URL is no database URL"),
        ("a database nowhere", "passaparola: the database cannot be reached: "),
        ("a programme nowhere", "passaparola: nowhere.yml: cannot be read"),
        ("an alarm nowhere", "passaparola: there is no open alarm 7; `passaparola alarms list` shows them"),
        ("a trace nowhere", "passaparola: nothing is kept under 'request-1'; the id is in the logs"),
        ("a replay of nothing", "passaparola: there is no delivery 'nobody'"),
        ("a replay of what", "passaparola: name one delivery by its ID, or a hook with --all-of HOOK"),
        ("backup again", "passaparola: backup.db is there already; name a new file"),
        ("restore again", "passaparola: restored.db is there already; --force replaces it"),
        ("restore of nothing", "passaparola: there is no file nowhere.db"),
        ("import of something else", "passaparola: domain.yml:1: missing column"),
    ],
)
def test_a_failure_is_one_line_that_says_what_to_do(outcomes: dict[str, Outcome], name: str, said: str) -> None:
    outcome = outcomes[name]
    assert outcome.code == 1
    assert outcome.line.startswith(said)
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("an unknown option", "--nonsense"),
        ("an unknown command", "nonsense"),
        ("tick without a value", "--now"),
        ("import of nothing", "nowhere.csv"),
    ],
)
def test_a_slip_in_the_command_is_one_line_too(outcomes: dict[str, Outcome], name: str, said: str) -> None:
    assert outcomes[name].code == 2
    assert said in outcomes[name].line


@pytest.mark.parametrize("name", CASES)
def test_nothing_writes_a_traceback_or_a_secret_at_anybody(outcomes: dict[str, Outcome], name: str) -> None:
    text = outcomes[name].out + outcomes[name].err
    assert "Traceback" not in text
    assert "unexpected" not in text
    for secret in ("EAAGsecret", "app-secret", "verify-token"):
        assert secret not in text


# ---- what they do


def test_a_fresh_database_is_sound(outcomes: dict[str, Outcome]) -> None:
    for name in ("audit of a fresh database", "audit again"):
        assert (outcomes[name].code, outcomes[name].line) == (0, "the ledger is sound: 0 transactions, 0 entries")


@pytest.mark.parametrize("name", ["tick", "tick then"])
def test_a_tick_says_what_it_did(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].code == 0
    assert outcomes[name].line == "nothing was due"


def test_members_are_imported_once(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["import"].line == "1 customers read, 1 of them new members of Caffè Aurora"
    assert outcomes["import again"].line == "1 customers read, 0 of them new members of Caffè Aurora"


def test_a_check_tells_its_findings_and_how_many(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["check"].code == 0
    assert outcomes["check"].line.startswith("everything is in order")
    broken = outcomes["a broken programme"]
    assert broken.code == 1
    assert broken.out.startswith("broken.yml:5: currency: ")
    assert broken.line == "passaparola: 1 mistakes; correct them and check again"


def test_the_version_is_told(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["version"].code == 0
    assert VERSION in outcomes["version"].out


EXPLODING = """
import sys
from passaparola.__main__ import cli, main

@cli.command()
def explode():
    raise ZeroDivisionError("what nobody foresaw")

sys.argv = ["passaparola", "explode"]
main()
"""


def test_a_failure_nobody_foresaw_is_one_line_and_leaves_a_report(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXPLODING], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "passaparola: something unexpected happened; var/unexpected-error.txt has the details for a bug report"
    ]
    report = (tmp_path / "var" / "unexpected-error.txt").read_text("utf-8")
    assert "Traceback" in report
    assert "ZeroDivisionError: what nobody foresaw" in report


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alarms", "nobody has to see to anything"),
        ("hooks", "there are no hooks"),
        ("dead hooks", "nothing was given up"),
        ("backup", "backup.db holds the whole installation: "),
        ("restore", "backup.db is restored: "),
    ],
)
def test_what_operators_look_at_is_there(outcomes: dict[str, Outcome], name: str, said: str) -> None:
    assert outcomes[name].code == 0
    assert outcomes[name].line.startswith(said)
