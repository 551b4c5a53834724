"""What commands say while they work."""

import click

HELP = {"help_option_names": ["-h", "--help"]}
"""Of every group: click remembers the names under which a command is first asked for help."""


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)


def show_lines(lines: list[str], nothing: str) -> None:
    """What was found, a line each; if that is nothing, `nothing` as a line of progress."""
    for line in lines:
        click.echo(line)
    if not lines:
        say(nothing)
