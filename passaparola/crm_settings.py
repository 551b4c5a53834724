"""Settings of CRMs. All are optional: a system is on once its token is set. `docs/crm.md` says where to find them."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from crm.system import System
from crm.systems.bitrix24 import Bitrix24, Bitrix24Config
from crm.systems.hubspot import HubSpot, HubSpotConfig
from crm.systems.kommo import Kommo, KommoConfig
from crm.systems.retailcrm import RetailCrm, RetailCrmConfig
from crm.systems.zoho import Zoho, ZohoConfig
from passaparola.errors import CommandError

ZOHO_DOMAINS = r"^(com|eu|in|com\.au|jp|ca|sa|uk|com\.cn)$"


class CrmSettings(BaseSettings):
    """What the settings say of CRMs."""

    hubspot_url: str = Field("https://api.hubapi.com", alias="HUBSPOT_API_URL")
    hubspot_version: str = Field("v3", alias="HUBSPOT_API_VERSION", pattern=r"^(v3|20[0-9]{2}-[0-9]{2})$")
    """`v3`, or a dated version such as 2026-03."""
    hubspot_token: SecretStr | None = Field(None, alias="HUBSPOT_ACCESS_TOKEN")
    hubspot_secret: SecretStr | None = Field(None, alias="HUBSPOT_WEBHOOK_SECRET")

    zoho_domain: str = Field("eu", alias="ZOHO_DATA_CENTRE", pattern=ZOHO_DOMAINS)
    zoho_url: str = Field("", alias="ZOHO_API_URL")
    """Only if it is not that of the data centre."""
    zoho_accounts_url: str = Field("", alias="ZOHO_ACCOUNTS_URL")
    zoho_client_id: str = Field("", alias="ZOHO_CLIENT_ID")
    zoho_client_secret: SecretStr | None = Field(None, alias="ZOHO_CLIENT_SECRET")
    zoho_refresh_token: SecretStr | None = Field(None, alias="ZOHO_REFRESH_TOKEN")
    zoho_won: str = Field("Closed Won", alias="ZOHO_WON_STAGES")
    """Stages of a won deal, with commas between them."""
    zoho_webhook_token: SecretStr | None = Field(None, alias="ZOHO_WEBHOOK_TOKEN")

    bitrix24_url: SecretStr | None = Field(None, alias="BITRIX24_WEBHOOK_URL")
    """An inbound webhook's; it holds a secret."""
    bitrix24_token: SecretStr | None = Field(None, alias="BITRIX24_APPLICATION_TOKEN")

    kommo_url: str = Field("", alias="KOMMO_URL")
    kommo_token: SecretStr | None = Field(None, alias="KOMMO_ACCESS_TOKEN")
    kommo_webhook_token: SecretStr | None = Field(None, alias="KOMMO_WEBHOOK_TOKEN")

    retailcrm_url: str = Field("", alias="RETAILCRM_URL")
    retailcrm_key: SecretStr | None = Field(None, alias="RETAILCRM_API_KEY")
    retailcrm_site: str = Field("", alias="RETAILCRM_SITE")
    retailcrm_won: str = Field("complete", alias="RETAILCRM_WON_STATUSES")
    """Codes of statuses of a finished order, with commas between them."""
    retailcrm_bonuses: bool = Field(False, alias="RETAILCRM_BONUSES")
    """Whether bonus accounts are kept level with points."""
    retailcrm_webhook_token: SecretStr | None = Field(None, alias="RETAILCRM_WEBHOOK_TOKEN")


def systems_of(settings: CrmSettings) -> dict[str, System]:
    """The systems that are on, by name. Raises `CommandError` naming what is missing or wrong, in one line."""
    found: dict[str, System] = {}
    if token := _secret(settings.hubspot_token):
        url = _url(settings.hubspot_url, "HUBSPOT_API_URL")
        found["hubspot"] = HubSpot(HubSpotConfig(url, token, settings.hubspot_version))
    if token := _secret(settings.zoho_refresh_token):
        api = settings.zoho_url or f"https://www.zohoapis.{settings.zoho_domain}"
        accounts = settings.zoho_accounts_url or f"https://accounts.zoho.{settings.zoho_domain}"
        found["zoho"] = Zoho(ZohoConfig(
            _url(api, "ZOHO_API_URL"), _url(accounts, "ZOHO_ACCOUNTS_URL"),
            _needed(settings.zoho_client_id, "ZOHO_CLIENT_ID", "ZOHO_REFRESH_TOKEN"),
            _needed(_secret(settings.zoho_client_secret), "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"),
            token, _list(settings.zoho_won, "ZOHO_WON_STAGES"),
        ))  # fmt: skip
    if address := _secret(settings.bitrix24_url):
        found["bitrix24"] = Bitrix24(Bitrix24Config(_url(address, "BITRIX24_WEBHOOK_URL", secret=True)))
    if token := _secret(settings.kommo_token):
        url = _url(_needed(settings.kommo_url, "KOMMO_URL", "KOMMO_ACCESS_TOKEN"), "KOMMO_URL")
        found["kommo"] = Kommo(KommoConfig(url, token))
    if key := _secret(settings.retailcrm_key):
        url = _url(_needed(settings.retailcrm_url, "RETAILCRM_URL", "RETAILCRM_API_KEY"), "RETAILCRM_URL")
        site = _needed(settings.retailcrm_site, "RETAILCRM_SITE", "RETAILCRM_API_KEY")
        won = _list(settings.retailcrm_won, "RETAILCRM_WON_STATUSES")
        found["retailcrm"] = RetailCrm(RetailCrmConfig(url, key, site, won, settings.retailcrm_bonuses))
    return found


def secrets_of(settings: CrmSettings) -> dict[str, SecretStr]:
    """By which notifications of systems are known, by name; only of systems that are on, since deals are fetched."""
    told = {
        "hubspot": settings.hubspot_secret, "zoho": settings.zoho_webhook_token, "bitrix24": settings.bitrix24_token,
        "kommo": settings.kommo_webhook_token, "retailcrm": settings.retailcrm_webhook_token,
    }  # fmt: skip
    on = systems_of(settings)
    return {name: secret for name, secret in told.items() if name in on and secret is not None and _secret(secret)}


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value().strip() if value is not None else ""


def _needed(value: str, variable: str, because: str) -> str:
    if not value.strip():
        raise CommandError(f"{variable} is not set, but {because} is; docs/crm.md says where to find it")
    return value.strip()


def _list(text: str, variable: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise CommandError(f"{variable} names nothing: write one or more, with commas between them")
    return found


def _url(text: str, variable: str, *, secret: bool = False) -> str:
    """An address that tokens may be sent to: https, or this machine."""
    try:
        parts = urlsplit(text.strip())
        here = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        raise CommandError(f"{variable} is no address; docs/crm.md shows one") from None
    if parts.hostname is None or (parts.scheme != "https" and not (here and parts.scheme == "http")):
        raise CommandError(f"{variable} must be an address that begins with https://")
    if secret and not parts.path.strip("/").startswith("rest/"):
        raise CommandError(f"{variable} must be that of an inbound webhook: https://…/rest/1/…/")
    return text.strip()
