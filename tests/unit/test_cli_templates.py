"""`passaparola templates …` from the command line, against the stand-in: what it says and how it ends."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event, Thread

import pytest
from click.testing import CliRunner, Result

from connectors.errors import ConnectorError
from passaparola.commands.templates import templates
from passaparola.errors import CommandError
from simulator.graph import StandInGraph, serve
from simulator.template_book import TemplateBook
from tests.unit.helpers_templates import shipped

ALL = len(shipped()) * 5
TOKEN = "EAAGsecret"


@dataclass(frozen=True)
class Shell:
    """A shell with an installation's settings, and the account at the other end."""

    book: TemplateBook
    settings: dict[str, str]

    def run(self, *arguments: str, **changes: str) -> Result:
        return CliRunner().invoke(templates, arguments, env={**self.settings, **changes})


@pytest.fixture(scope="module")
def graph() -> Iterator[tuple[TemplateBook, str]]:
    """The stand-in in a thread of its own, as the commands have their own loop."""
    book, address, ready, done = TemplateBook(), [], Event(), Event()

    async def work() -> None:
        async with serve(StandInGraph(TOKEN, templates=book)) as base:
            address.append(base)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = Thread(target=asyncio.run, args=(work(),))
    thread.start()
    assert ready.wait(10)
    yield book, address[0]
    done.set()
    thread.join()


@pytest.fixture
def shell(graph: tuple[TemplateBook, str], sqlite_database: str) -> Shell:
    book, base = graph
    book.forget()
    return Shell(
        book,
        {
            "PASSAPAROLA_DATABASE_URL": sqlite_database, "WHATSAPP_GRAPH_URL": base, "WHATSAPP_ACCESS_TOKEN": TOKEN,
            "WHATSAPP_BUSINESS_ACCOUNT_ID": book.account_id,
        },
    )  # fmt: skip


def failed(result: Result, error: type[Exception] | tuple[type[Exception], ...], said: str) -> None:
    assert isinstance(result.exception, error), result.output
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)


def test_templates_are_handed_in_read_back_and_deleted(shell: Shell) -> None:
    assert "no template is handed in yet" in shell.run("status").output

    result = shell.run("submit")
    assert (result.exit_code, result.output.count(": created: pending")) == (0, ALL)
    assert shell.run("submit").output.count(": unchanged: pending") == ALL

    shell.book.review_all()
    shell.book.add("hello_world")
    result = shell.run("sync")
    assert result.exit_code == 0
    assert "hello_world/en (utility, approved): is at WhatsApp and in no file" in result.output
    assert f"{ALL} templates are at WhatsApp, 0 differences" in result.output
    assert shell.run("status").output.count("  approved  ") == ALL

    result = shell.run("delete", "birthday", "--yes")
    assert result.output == "birthday is deleted\n"
    listed = shell.run("list").output
    assert (listed.count("  new  "), listed.count("  as handed in  ")) == (1, len(shipped()) - 1)


def test_drift_ends_with_one_line_each_and_an_error(shell: Shell) -> None:
    shell.run("submit", "points_earned")
    shell.book.review_all()
    shell.book.recategorise("points_earned", "MARKETING", language="it")
    result = shell.run("sync")
    failed(result, CommandError, "1 templates are not as declared; the lines above say how")
    said = "points_earned/it: is marketing at WhatsApp, declared as utility, and goes only to those who want offers"
    assert said in result.output.splitlines()
    assert "points_earned/it  approved  utility, counts as marketing  quality unknown" in shell.run("status").output


def test_one_template_can_be_handed_in(shell: Shell) -> None:
    assert shell.run("submit", "birthday").output.count("birthday/") == 5
    failed(
        shell.run("submit", "nobody"), ConnectorError, "there is no data/templates/nobody.yml; there is: badge_reached"
    )


def test_what_is_left_is_said(shell: Shell) -> None:
    shell.book.per_hour = 7
    result = shell.run("submit")
    failed(result, CommandError, f"{ALL - 7} templates were not handed in; the lines above say why")
    assert f"{ALL - 8} were not tried; run the command again" in result.output
    shell.book.per_hour = 100
    assert shell.run("submit").exit_code == 0


@pytest.mark.parametrize(
    ("command", "changes", "said"),
    [
        ("submit", {"WHATSAPP_BUSINESS_ACCOUNT_ID": ""}, "WHATSAPP_BUSINESS_ACCOUNT_ID is not set; docs/templates.md"),
        ("sync", {"WHATSAPP_ACCESS_TOKEN": ""}, "WHATSAPP_ACCESS_TOKEN is not set"),
        ("delete", {"WHATSAPP_ACCESS_TOKEN": "wrong"}, "renew WHATSAPP_ACCESS_TOKEN"),
        ("delete", {"WHATSAPP_BUSINESS_ACCOUNT_ID": "1"}, "is no account that the access token may see"),
        ("submit", {"WHATSAPP_GRAPH_URL": "http://127.0.0.1:9/v24.0"}, "the Graph API cannot be reached"),
    ],
)
def test_what_is_missing_is_one_line(shell: Shell, command: str, changes: dict[str, str], said: str) -> None:
    arguments = (command, "birthday", "--yes") if command == "delete" else (command,)
    failed(shell.run(*arguments, **changes), (CommandError, ConnectorError), said)


def test_deleting_asks_first(shell: Shell) -> None:
    result = CliRunner().invoke(templates, ["delete", "birthday"], env=shell.settings, input="n\n")
    assert "blocked for 30 days" in result.output
    assert not any(call.startswith("DELETE") for call in shell.book.calls)


def test_the_shipped_files_are_in_order() -> None:
    assert CliRunner().invoke(templates, ["check"]).output == "every template is in order\n"


def test_every_command_explains_itself() -> None:
    for command in templates.commands:
        assert CliRunner().invoke(templates, [command, "--help"]).output.startswith("Usage: templates")
