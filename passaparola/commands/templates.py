"""`passaparola templates …`: what is said outside the 24-hour window, handed in to WhatsApp and kept in step."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from connectors.whatsapp.graph import GraphConfig
from connectors.whatsapp.templates.api import TemplatesApi
from connectors.whatsapp.templates.requests import digest_of
from connectors.whatsapp.templates.submitting import Submission
from connectors.whatsapp.templates.syncing import remove, sync
from conversation.saying.sentences import Sentences
from conversation.saying.template_states import all_templates
from conversation.saying.templating import counts_as
from conversation.tables import TemplateRow
from loyalty.clock import Clock, SystemClock
from loyalty.store import Store
from passaparola.check_templates import TEMPLATES, check_templates, sound_templates
from passaparola.commands.saying import HELP, show_lines
from passaparola.commands.within import with_store
from passaparola.compose import RESPONSES
from passaparola.errors import CommandError
from passaparola.settings import Settings, read_settings

T = TypeVar("T")


@click.group(context_settings=HELP)
def templates() -> None:
    """Messages for outside the 24-hour window: data/templates/, and what WhatsApp makes of them."""


@templates.command("list")
def list_() -> None:
    """List what is declared: name, category, languages, what is not handed in yet, what it is for."""

    async def work(at: "Desk") -> list[str]:
        known, sentences = await at.store.read(all_templates), at.sentences()
        lines = []
        for template in sound_templates(TEMPLATES, sentences):
            rows = [(known.get((template.name, language)), version) for language, version in template.versions.items()]
            states = {
                "new" if row is None
                else "as handed in" if row.digest == digest_of(template, version, sentences)
                else "changed"
                for row, version in rows
            }  # fmt: skip
            languages = ",".join(template.versions)
            lines.append(
                f"{template.name}  {template.category}  {languages}  {' and '.join(sorted(states))}  {template.sends}"
            )
        return lines

    show_lines(_at_desk(work), "there is no template in data/templates/")


@templates.command()
def check() -> None:
    """Check the files against WhatsApp's rules; say file and line of every mistake."""
    mistakes = check_templates(TEMPLATES, Sentences.load(RESPONSES))
    for line in mistakes:
        click.echo(line)
    if mistakes:
        raise CommandError(f"{len(mistakes)} mistakes; correct them and check again")
    click.echo("every template is in order", err=True)


@templates.command()
@click.argument("name", required=False)
def submit(name: str | None) -> None:
    """Hand in what is new or changed, all or one; what is under review has to wait. Can be run again at any time."""

    async def work(at: "Desk") -> int:
        api, sentences = at.api(), at.sentences()
        declared = sound_templates(TEMPLATES, sentences, name)
        left = sum(len(template.versions) for template in declared)
        refused = 0
        async with api:
            async for outcome in Submission(at.store, api, sentences, at.clock).run(declared):
                click.echo(outcome)
                refused += outcome.done == "refused"
                left -= 1
        if left:
            click.echo(f"{left} were not tried; run the command again", err=True)
        return refused + left

    if wrong := _at_desk(work):
        raise CommandError(f"{wrong} templates were not handed in; the lines above say why")


@templates.command("sync")
def sync_() -> None:
    """Ask WhatsApp for status, category and quality of all; ends with 1 if something is not as declared."""

    async def work(at: "Desk") -> int:
        api, sentences = at.api(), at.sentences()
        declared = sound_templates(TEMPLATES, sentences)
        async with api:
            found = await sync(at.store, api, declared, sentences, at.clock)
        for line in found.drift:
            click.echo(line)
        for line in found.missing:
            click.echo(f"{line}: is not handed in")
        for line in found.foreign:
            click.echo(f"{line}: is at WhatsApp and in no file")
        click.echo(f"{found.ours} templates are at WhatsApp, {len(found.drift)} differences", err=True)
        return len(found.drift)

    if differences := _at_desk(work):
        raise CommandError(f"{differences} templates are not as declared; the lines above say how")


@templates.command()
def status() -> None:
    """Show what WhatsApp last said of each: status, category, quality, why. Asks nobody; `sync` does."""

    async def work(at: "Desk") -> list[str]:
        return [_line(row) for row in (await at.store.read(all_templates)).values()]

    show_lines(_at_desk(work), "no template is handed in yet; `passaparola templates submit` does that")


@templates.command()
@click.argument("name")
@click.confirmation_option(
    prompt="WhatsApp keeps the name of an approved template blocked for 30 days. Delete it in all languages?"
)
def delete(name: str) -> None:
    """Delete a template at WhatsApp, in all languages. Its file stays."""

    async def work(at: "Desk") -> None:
        async with at.api() as api:
            await remove(at.store, api, name, at.clock)

    _at_desk(work)
    click.echo(f"{name} is deleted", err=True)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands work with."""

    settings: Settings
    store: Store
    clock: Clock

    def sentences(self) -> Sentences:
        """The sentences, which know how each language writes a value."""
        return Sentences.load(RESPONSES)

    def api(self) -> TemplatesApi:
        """The account's templates at WhatsApp. Raises `CommandError` naming the setting that is missing."""
        settings = self.settings
        for value, variable in (
            (settings.business_account_id, "WHATSAPP_BUSINESS_ACCOUNT_ID"),
            (settings.access_token.get_secret_value(), "WHATSAPP_ACCESS_TOKEN"),
        ):
            if not value:
                raise CommandError(f"{variable} is not set; docs/templates.md says where to find it")
        config = GraphConfig(settings.graph_url, settings.access_token.get_secret_value())
        return TemplatesApi(config, settings.business_account_id, settings.app_id)


def _at_desk(work: Callable[[Desk], Awaitable[T]]) -> T:
    settings = read_settings()
    return with_store(settings, lambda store: work(Desk(settings, store, SystemClock())))


def _line(row: TemplateRow) -> str:
    category = row.declared if counts_as(row) == row.declared else f"{row.declared}, counts as {counts_as(row)}"
    parts = [f"{row.name}/{row.language}", row.status, category, f"quality {row.quality or 'unknown'}"]
    return "  ".join([*parts, row.reason] if row.reason else parts)
