"""The channel of whichever provider the settings name, so that `credentials.yml` stays as it is when it changes."""

from importlib import import_module
from typing import Any

from rasa.core.channels.channel import InputChannel

from connectors.errors import NotConfigured


class ChosenInput(InputChannel):
    """Stands in `credentials.yml` with `channel:`, the path of a function that makes the channel."""

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        """The channel that the function makes. Raises `NotConfigured` if none is named."""
        path = (credentials or {}).get("channel")
        if not path:
            raise NotConfigured("credentials.yml: connectors.chosen.ChosenInput needs `channel:`")
        module, _, name = path.rpartition(".")
        made: InputChannel = getattr(import_module(module), name)()
        return made
