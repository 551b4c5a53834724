"""The export flow at work."""

import json
from collections.abc import Mapping

import loyalty.rights.dossier
from conversation.caring import rights
from conversation.caring.dossier_page import Dossier
from conversation.flowing.part import At, Part
from conversation.leaving.handouts import hand_out
from conversation.saying.sentences import Sentences
from flows.export import Export, ExportFacts, MakeExport
from flows.model import Effect, Event, Saved


class Exporting(Part[ExportFacts]):
    """Handing out all that is known of somebody: a text, as WhatsApp takes it, and a page that is nicer to read."""

    flow = Export()
    intent = "export_my_data"

    def __init__(self, sentences: Sentences, public_url: str) -> None:
        self._sentences = sentences
        self._public_url = public_url

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> ExportFacts:
        return ExportFacts()

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, MakeExport)
        known = {
            "loyalty": loyalty.rights.dossier.export(at.session, at.programme, at.member_id, at.now),
            "conversation": rights.export(at.session, at.programme, at.member_id, at.now),
        }
        dossier = Dossier(self._sentences, at.language, at.programme, known, at.now)
        plain = json.dumps(known, ensure_ascii=False, indent=1)
        return Event(
            "made",
            {
                "document": self._hand_out(at, "my-data.txt", f"{dossier.text()}\n\nJSON\n\n{plain}\n"),
                "page": self._hand_out(at, "my-data.html", dossier.html(plain)),
            },
        )

    def _hand_out(self, at: At, name: str, content: str) -> str:
        return hand_out(
            at.session, at.member_id, name=name, content=content.encode(), public_url=self._public_url, now=at.now
        )
