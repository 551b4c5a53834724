"""What designers use: `train`, `check`, `annotate`, `schema`, `flows`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from passaparola import logs
from passaparola.commands.saying import say
from passaparola.errors import CommandError
from passaparola.settings import read_settings


@click.command()
@click.option("--if-stale", is_flag=True, help="Only if the model is missing or older than what it is made of.")
def train(if_stale: bool) -> None:
    """Train and save the model."""
    from passaparola import training

    model = read_settings().model
    if if_stale and training.is_current(model):
        say(f"model: {model} is up to date")
        return
    logs.configure("WARNING")
    training.train(model, say)


@click.command()
def check() -> None:
    """Check programmes, sentences, training data and flows; say file and line of every mistake."""
    from passaparola.check import WARNING, check_all

    findings = check_all(read_settings().programme, today=datetime.now(UTC).date())
    for finding in findings:
        click.echo(finding)
    mistakes = sum(f": {WARNING}" not in finding for finding in findings)
    if mistakes:
        raise CommandError(f"{mistakes} mistakes; correct them and check again")
    say(f"everything is in order, with {len(findings)} warnings" if findings else "everything is in order")


@click.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="So many messages at most.")
@click.option("--language", type=click.Choice(["en", "it", "es", "fr", "ar"]), help="Only messages in this language.")
@click.option("--export", "out", type=click.Path(path_type=Path), help="Write them into a YAML file to edit.")
@click.option("--import", "decided", type=click.Path(path_type=Path), help="Do what such a file says.")
def annotate(limit: int, language: str | None, out: Path | None, decided: Path | None) -> None:
    """Go through messages that were not understood, and file them into the training data."""
    from passaparola.commands.annotation_desk import run as go_through

    say(go_through(read_settings(), limit=limit, language=language, out=out, decided=decided))


@click.command()
def schema() -> None:
    """Write what editors know programme files by (programmes/schema.json), and the tables of docs/programmes.md."""
    from passaparola.reference import write

    read_settings()  # says so if this is not the project's folder
    for file in write(Path()):
        say(f"{file} is written")


@click.command()
def flows() -> None:
    """Draw the dialog flows into docs/flows/, as SVG and Mermaid."""
    from conversation.flowing.parts import Tools, build_parts
    from conversation.saying.sentences import Sentences
    from passaparola.compose import RESPONSES
    from passaparola.flow_pictures import FOLDER, write

    read_settings()  # says so if this is not the project's folder
    parts = build_parts(Tools(Sentences.load(RESPONSES), "", ""))
    write(FOLDER, [part.flow for part in parts])
    say(f"{len(parts)} flows are drawn in {FOLDER}/")
