"""`passaparola demo`: everything on this machine, with a sample café, its members, and a stand-in for WhatsApp."""

import json
import os
import secrets
import sys
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from connectors.whatsapp.templates.api import Remote
from connectors.whatsapp.templates.declared import Declared
from connectors.whatsapp.templates.reading import read_templates
from connectors.whatsapp.templates.requests import as_meta
from connectors.whatsapp.templates.submitting import note
from conversation.register import ensure_conversation
from conversation.saying.templating import APPROVED
from loyalty.money import Money
from loyalty.orders.purchases import PurchaseReport, record_purchase
from loyalty.people.imports import ImportRow, import_row, read_rows
from loyalty.people.members import find_member
from loyalty.programme import Programme
from loyalty.store.schema import upgrade
from passaparola.compose import TEMPLATES, House, build
from passaparola.settings import Settings
from passaparola.supervisor import Child

SAMPLE = Path(__file__).parent / "sample" / "members.csv"
NUMBER_ID = "100000000000001"
DAYS_AGO_AND_AMOUNT = ((21, "6.40"), (9, "18.20"), (2, "11.50"))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the demo's processes listen."""

    host: str
    chat: int
    service: int
    simulator: int

    @property
    def page(self) -> str:
        """The page to open."""
        return f"http://{self.host}:{self.simulator}/"


def demo_environment(addresses: Addresses) -> dict[str, str]:
    """The settings the demo makes up: secrets of its own, the simulator in the place of WhatsApp, a quiet terminal."""
    secret = secrets.token_hex
    return {
        "RASA_TELEMETRY_ENABLED": "false",
        "PASSAPAROLA_LOG_LEVEL": os.environ.get("PASSAPAROLA_LOG_LEVEL", "WARNING"),
        "PASSAPAROLA_PROVIDER": "meta",
        "PASSAPAROLA_API_KEY": secret(16),
        "PASSAPAROLA_PUBLIC_URL": f"http://{addresses.host}:{addresses.service}",
        "WHATSAPP_GRAPH_URL": f"http://{addresses.host}:{addresses.simulator}/v24.0",
        "WHATSAPP_CHAT_URL": f"http://{addresses.host}:{addresses.simulator}/wa",
        "WHATSAPP_PHONE_NUMBER_ID": NUMBER_ID,
        "WHATSAPP_ACCESS_TOKEN": secret(16),
        "WHATSAPP_APP_SECRET": secret(16),
        "WHATSAPP_VERIFY_TOKEN": secret(16),
    }


def without_password(url: str) -> str:
    """A database URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


async def load_sample(settings: Settings) -> tuple[Programme, list[ImportRow]]:
    """Create the database and its sample members; what is there already stays as it is."""
    upgrade(settings.database_url)
    house = build(settings)
    try:
        programme = next(iter(house.programmes.values()))
        rows = list(read_rows(SAMPLE))
        await house.store.write(lambda session: _members(session, house, programme, rows))
        await house.store.write(lambda session: _approve(session, house, read_templates(TEMPLATES)[0]))
        return programme, rows
    finally:
        await house.store.close()


def _members(session: Session, house: House, programme: Programme, rows: list[ImportRow]) -> None:
    now = house.clock.now()
    for row in rows:
        new = import_row(session, programme, row, now=now - timedelta(days=30))
        member = find_member(session, programme.id, (row.phone,))
        assert member is not None
        if new:
            for days, amount in DAYS_AGO_AND_AMOUNT:
                at = now - timedelta(days=days)
                total = Money(Decimal(amount), programme.currency)
                report = PurchaseReport(f"sample/{row.phone.value}/{days}", total, at)
                record_purchase(session, programme, member, report, now=at)
        number_id = programme.whatsapp.phone_number_id or house.settings.phone_number_id
        conversation = ensure_conversation(session, member, number_id=number_id, phone=row.phone.value, user_id=None)
        conversation.last_heard_at = now  # the simulator counts its customers as having just written, too


def _approve(session: Session, house: House, templates: list[Declared]) -> None:
    """The simulator sends every template: notices outside the window are seen as what WhatsApp would show."""
    for template in templates:
        for language, version in template.versions.items():
            known = Remote(f"{template.name}/{language}", template.name, language, APPROVED, template.category)
            note(session, template, version, None, known, house.clock.now())


def _words(templates: list[Declared]) -> dict[str, dict[str, dict[str, object]]]:
    """What templates say, as the simulator's page shows it."""
    return {
        template.name: {
            language: {
                "header": as_meta(version.header), "body": as_meta(version.body), "footer": version.footer,
                "buttons": [button.title for button in version.buttons],
            }
            for language, version in template.versions.items()
        }
        for template in templates
    }  # fmt: skip


def children(settings: Settings, addresses: Addresses, programme: Programme, rows: list[ImportRow]) -> list[Child]:
    """The processes of the demo."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    config = {
        "business_name": programme.name,
        "business_phone": programme.whatsapp.phone,
        "phone_number_id": programme.whatsapp.phone_number_id or settings.phone_number_id,
        "access_token": settings.access_token.get_secret_value(),
        "app_secret": settings.app_secret.get_secret_value(),
        "webhook_url": f"http://{addresses.host}:{addresses.chat}/webhooks/whatsapp/webhook",
        "service_url": f"http://{addresses.host}:{addresses.service}",
        "api_key": key,
        "currency": programme.currency,
        "templates": _words(read_templates(TEMPLATES)[0]),
        "customers": [
            {"name": row.name, "phone": row.phone.value, "user_id": None, "language": row.language} for row in rows
        ],
    }
    simulator = Child(
        "simulator",
        (sys.executable, "-m", "simulator", str(addresses.simulator)),
        addresses.page,
        {"PASSAPAROLA_SIMULATOR": json.dumps(config)},
    )
    return [simulator, *processes(settings)]


def processes(settings: Settings) -> list[Child]:
    """The processes of a running installation."""
    base = f"http://{settings.host if settings.host != '0.0.0.0' else '127.0.0.1'}"  # noqa: S104 -- compared, not bound
    command = (sys.executable, "-m", "passaparola")
    return [
        Child("service", (*command, "service"), f"{base}:{settings.service_port}/healthz"),
        Child("chat", (*command, "chat"), f"{base}:{settings.chat_port}/webhooks/whatsapp/webhook"),
    ]
