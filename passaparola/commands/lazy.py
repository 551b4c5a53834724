"""A group of commands that loads each when it is asked for, so that none waits for what the others need."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Place(NamedTuple):
    """Where a command is to be found, and what it does in a few words."""

    module: str
    does: str


class LazyGroup(click.Group):
    """A group whose commands live in modules of `passaparola.commands`, each under its own name."""

    def __init__(self, *args: Any, places: Mapping[str, Place], **kwargs: Any) -> None:
        """`places` has each command's, in the order of the help."""
        super().__init__(*args, **kwargs)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.places:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"passaparola.commands.{self.places[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of the help, without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.does) for name, place in self.places.items()])
