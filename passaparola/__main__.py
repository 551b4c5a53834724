"""The command line: `passaparola …`."""

import os
import sys
import traceback
from pathlib import Path

import click

from connectors.errors import ConnectorError
from conversation.errors import ConversationError
from loyalty.errors import LoyaltyError
from passaparola import VERSION
from passaparola.commands.lazy import LazyGroup, Place
from passaparola.commands.saying import HELP
from passaparola.errors import CommandError

REPORT = Path("var/unexpected-error.txt")
PLACES = {
    "demo": Place("running", "everything on this machine, with a sample café and a simulator"),
    "run": Place("running", "the chat process and the service in earnest"),
    "chat": Place("running", "the chat process alone"),
    "service": Place("running", "the HTTP service alone"),
    "actions": Place("running", "Rasa's action server alone"),
    "train": Place("designing", "train the model"),
    "check": Place("designing", "check programmes, sentences, training data, flows, campaigns"),
    "annotate": Place("designing", "file messages that were not understood into the training data"),
    "schema": Place("designing", "write the schema and the reference of programme files"),
    "flows": Place("designing", "draw the dialog flows"),
    "tick": Place("books", "do once what is due"),
    "audit": Place("books", "prove the ledger, levels, goals and wheels"),
    "import-members": Place("books", "bring an existing customer base in"),
    "import-events": Place("books", "take purchases and other events from a CSV"),
    "backup": Place("backup", "write everything into a file, proved"),
    "restore": Place("backup", "put a backup in the place of the database"),
    "campaign": Place("campaign", "broadcasts: plan, try out, start, pause, report"),
    "templates": Place("templates", "messages for outside the 24-hour window"),
    "inbox": Place("inbox", "messages of customers that could not be answered"),
    "outbox": Place("outbox", "messages that did not go out"),
    "alarms": Place("trace", "what a person has to see to"),
    "trace": Place("trace", "what came of a request"),
    "hooks": Place("hooks", "webhooks to other tools"),
    "crm": Place("crm", "the CRMs that members are told to"),
    "shops": Place("shops", "online shops: orders no webhook told of, lost webhooks, discount codes"),
    "keys": Place("keys", "keys of /v1 that may do less"),
}
"""Where each command is, in the order of the help."""


@click.group(cls=LazyGroup, places=PLACES, context_settings=HELP)
@click.version_option(VERSION)
def cli() -> None:
    """Loyalty, referral and games inside WhatsApp."""


def main() -> None:
    """The entry point: every failure is one line that says what to do."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    sys.path.insert(0, "")  # Rasa finds our components by import path, wherever the script is installed
    try:
        cli(standalone_mode=False)
    except (CommandError, LoyaltyError, ConversationError, ConnectorError) as error:
        _end(str(error))
    except click.ClickException as error:
        _end(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _end("stopped", 130)
    except Exception:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(traceback.format_exc(), "utf-8")
        _end(f"something unexpected happened; {REPORT} has the details for a bug report")


def _end(message: str, code: int = 1) -> None:
    click.echo(f"passaparola: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
