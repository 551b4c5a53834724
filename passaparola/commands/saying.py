"""What commands say while they work."""

import click


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)
