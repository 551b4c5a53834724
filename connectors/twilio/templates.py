"""Templates that stand in Twilio's console: written down as approved, so that they are chosen outside the window.

Twilio has no news of them for us. One that WhatsApp rejects or pauses is refused when it is sent, with what follows.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from connectors.twilio.contents import Contents
from connectors.whatsapp.templates.api import Remote
from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.submitting import note
from conversation.saying.template_states import find_template
from conversation.saying.templating import APPROVED


def register(session: Session, contents: Contents, templates: Sequence[Declared], *, now: datetime) -> list[str]:
    """Write down the declared templates that Twilio has. Returns those it has and nobody declared."""
    declared = {(one.name, language): (one, version) for one in templates for language, version in one.versions.items()}
    for key, content in contents.known.items():
        if key not in declared:
            continue
        row = find_template(session, *key, None)
        if row is None or row.meta_id != content.sid:
            template, version = declared[key]
            note(session, template, version, None, Remote(content.sid, *key, APPROVED, template.category), now)
    return ["/".join(key) for key in sorted(contents.known.keys() - declared.keys())]
