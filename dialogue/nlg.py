"""Rasa's responses, looked up in the catalogue by the language of the turn."""

from pathlib import Path
from typing import Any

from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from ruamel.yaml import YAML

from conversation.saying.sentences import Sentences
from loyalty.programme import LANGUAGES

RESPONSES = Path("data/responses")
BUTTONS = "buttons.yml"


def read_buttons(folder: Path) -> dict[str, tuple[str, ...]]:
    """Which questions are offered under which response: `buttons.yml`, response to intents."""
    rows = YAML(typ="safe").load((folder / BUTTONS).read_text("utf-8")) or {}
    return {key: tuple(intents) for key, intents in rows.items()}


class CatalogueNLG(NaturalLanguageGenerator):
    """Says `utter_…` in the member's language. Named in `endpoints.yml`."""

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        folder = Path(endpoint_config.kwargs.get("folder", RESPONSES))
        self._sentences = Sentences.load(folder)
        self._buttons = read_buttons(folder)

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """The response as Rasa passes it to the channel; None if the catalogue does not have it."""
        if not self._sentences.knows(utter_action):
            return None
        metadata = (tracker.latest_message.metadata if tracker.latest_message else None) or {}
        language = metadata.get("language", LANGUAGES[0])
        buttons = [
            {"title": self._sentences.say(language, f"button.{intent}"), "payload": f"/{intent}"}
            for intent in self._buttons.get(utter_action, ())
        ]
        return {"text": self._sentences.say(language, utter_action, **kwargs), "buttons": buttons}
