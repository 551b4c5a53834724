"""Settings of online shops. All are optional; `docs/shops.md` says where to find them."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from passaparola.errors import CommandError
from service.shops.apis.api import ShopApi
from service.shops.apis.reconcile import FIRST_DAYS
from service.shops.apis.shopify_api import ShopifyApi, ShopifyConfig
from service.shops.apis.woocommerce_api import WooCommerceApi, WooCommerceConfig


class ShopSettings(BaseSettings):
    """What the settings say of shops."""

    shopify_secret: SecretStr | None = Field(None, alias="SHOPIFY_WEBHOOK_SECRET")
    woocommerce_secret: SecretStr | None = Field(None, alias="WOOCOMMERCE_WEBHOOK_SECRET")
    """What shops sign with; several with commas between, each of 16 characters or more. docs/shops.md says how."""

    shopify_shop: str = Field("", alias="SHOPIFY_SHOP", pattern=r"^\s*([A-Za-z0-9][A-Za-z0-9.-]*)?\s*$", max_length=100)
    """The shop's domain, `….myshopify.com`."""
    shopify_token: SecretStr | None = Field(None, alias="SHOPIFY_ACCESS_TOKEN")
    shopify_version: str = Field("2026-10", alias="SHOPIFY_API_VERSION", pattern=r"^20[0-9]{2}-(01|04|07|10)$")
    """2025-10 or later: older ones do not know all that is asked."""
    shopify_url: str = Field("", alias="SHOPIFY_API_URL")
    """Only if it is not that of the shop's domain, as a stand-in's is."""

    woocommerce_url: str = Field("", alias="WOOCOMMERCE_URL", max_length=100)
    """The site's address, with its path if it has one."""
    woocommerce_key: SecretStr | None = Field(None, alias="WOOCOMMERCE_KEY")
    woocommerce_key_secret: SecretStr | None = Field(None, alias="WOOCOMMERCE_SECRET")

    shop_days: int = Field(FIRST_DAYS, alias="PASSAPAROLA_SHOP_DAYS", ge=0, le=60)
    """How many days back a shop is asked the first time."""


def apis_of(settings: ShopSettings) -> tuple[ShopApi, ...]:
    """The shops that can be asked. Raises `CommandError` naming what is missing or wrong, in one line."""
    found: list[ShopApi] = []
    if (
        given := _given({"SHOPIFY_SHOP": settings.shopify_shop, "SHOPIFY_ACCESS_TOKEN": settings.shopify_token})
    ) is not None:
        shop = given["SHOPIFY_SHOP"].lower()
        url = _url(settings.shopify_url.strip() or f"https://{shop}", "SHOPIFY_API_URL")
        token = SecretStr(given["SHOPIFY_ACCESS_TOKEN"])
        found.append(ShopifyApi(ShopifyConfig(shop, token, settings.shopify_version, url)))
    woo = {
        "WOOCOMMERCE_URL": settings.woocommerce_url, "WOOCOMMERCE_KEY": settings.woocommerce_key,
        "WOOCOMMERCE_SECRET": settings.woocommerce_key_secret,
    }  # fmt: skip
    if (given := _given(woo)) is not None:
        url = _url(given["WOOCOMMERCE_URL"], "WOOCOMMERCE_URL")
        signing = _text(settings.woocommerce_secret).partition(",")[0].strip()
        config = WooCommerceConfig(
            url, SecretStr(given["WOOCOMMERCE_KEY"]), SecretStr(given["WOOCOMMERCE_SECRET"]),
            SecretStr(signing) if signing else None,
        )  # fmt: skip
        found.append(WooCommerceApi(config))
    return tuple(found)


def _text(value: SecretStr | str | None) -> str:
    return (value.get_secret_value() if isinstance(value, SecretStr) else value or "").strip()


def _given(settings: dict[str, SecretStr | str | None]) -> dict[str, str] | None:
    """Settings that go together; None if none of them is set. Raises `CommandError` if only some are."""
    texts = {name: _text(value) for name, value in settings.items()}
    if not any(texts.values()):
        return None
    for name, text in texts.items():
        if not text:
            other = next(one for one, said in texts.items() if said)
            raise CommandError(f"{name} is not set, but {other} is; docs/shops.md says where to find it")
    return texts


def _url(text: str, variable: str) -> str:
    """An address that keys may be sent to: https, or this machine."""
    try:
        parts = urlsplit(text)
        here = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        raise CommandError(f"{variable} is no address; docs/shops.md shows one") from None
    if parts.hostname is None or (parts.scheme != "https" and not (here and parts.scheme == "http")):
        raise CommandError(f"{variable} must be an address that begins with https://")
    if parts.query or parts.fragment or parts.username:
        raise CommandError(f"{variable} must be an address without ?, # and @")
    return text.rstrip("/")
