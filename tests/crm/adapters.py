"""The adapters, beside the stand-ins they talk to."""

from collections.abc import Callable

from crm.pace import Pace
from crm.system import System
from crm.systems.bitrix24 import Bitrix24, Bitrix24Config
from crm.systems.hubspot import HubSpot, HubSpotConfig
from crm.systems.kommo import Kommo, KommoConfig
from crm.systems.retailcrm import RetailCrm, RetailCrmConfig
from crm.systems.zoho import Zoho, ZohoConfig

Make = Callable[[str, Pace], System]
NAMES = ("hubspot", "zoho", "bitrix24", "kommo", "retailcrm")
ADAPTERS: dict[str, Make] = {
    "hubspot": lambda url, pace: HubSpot(HubSpotConfig(url, "hubspot-token"), pace=pace),
    "zoho": lambda url, pace: Zoho(ZohoConfig(url, url, "id", "secret", "zoho-refresh"), pace=pace),
    "bitrix24": lambda url, pace: Bitrix24(Bitrix24Config(f"{url}/rest/1/s3cr3t/"), pace=pace),
    "kommo": lambda url, pace: Kommo(KommoConfig(url, "kommo-token"), pace=pace),
    "retailcrm": lambda url, pace: RetailCrm(RetailCrmConfig(url, "retail-key", "shop", bonuses=True), pace=pace),
}


def quick() -> Pace:
    """A pace that never waits."""
    return Pace(10**9, 10**6)
