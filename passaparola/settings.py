"""Settings, from the environment or a `.env` file. Every command reads them here and nowhere else."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from passaparola.errors import CommandError

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """All settings. Secrets are `SecretStr`, so that they cannot slip into a log; URLs may hold a password."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field("sqlite:///var/passaparola.db", alias="PASSAPAROLA_DATABASE_URL", repr=False)
    redis_url: str | None = Field(None, alias="PASSAPAROLA_REDIS_URL", repr=False)
    programme: Path = Field(Path("programmes/cafe.yml"), alias="PASSAPAROLA_PROGRAMME")
    chat_port: Port = Field(5005, alias="PASSAPAROLA_CHAT_PORT")
    service_port: Port = Field(8080, alias="PASSAPAROLA_SERVICE_PORT")
    public_url: str = Field("http://127.0.0.1:8080", alias="PASSAPAROLA_PUBLIC_URL")
    api_key: SecretStr | None = Field(None, alias="PASSAPAROLA_API_KEY")
    host: str = Field("127.0.0.1", alias="PASSAPAROLA_HOST")
    """The address the chat process and the service listen on; 0.0.0.0 in a container."""
    model: Path = Field(Path("models/passaparola.tar.gz"), alias="PASSAPAROLA_MODEL")

    graph_url: str = Field("https://graph.facebook.com/v24.0", alias="WHATSAPP_GRAPH_URL")
    chat_url: str = Field("https://wa.me", alias="WHATSAPP_CHAT_URL")
    phone_number_id: str = Field("", alias="WHATSAPP_PHONE_NUMBER_ID")
    access_token: SecretStr = Field(SecretStr(""), alias="WHATSAPP_ACCESS_TOKEN")
    app_secret: SecretStr = Field(SecretStr(""), alias="WHATSAPP_APP_SECRET")
    verify_token: SecretStr = Field(SecretStr(""), alias="WHATSAPP_VERIFY_TOKEN")

    shopify_secret: SecretStr | None = Field(None, alias="SHOPIFY_WEBHOOK_SECRET")
    woocommerce_secret: SecretStr | None = Field(None, alias="WOOCOMMERCE_WEBHOOK_SECRET")


REQUIRED = {
    "phone_number_id": "WHATSAPP_PHONE_NUMBER_ID",
    "access_token": "WHATSAPP_ACCESS_TOKEN",
    "app_secret": "WHATSAPP_APP_SECRET",
    "verify_token": "WHATSAPP_VERIFY_TOKEN",
}
"""What `run` cannot do without."""


def read_settings() -> Settings:
    """The settings. Raises `CommandError` naming the variable that is wrong, or the folder to be in."""
    if not Path("config.yml").is_file():
        raise CommandError("there is no config.yml here: run passaparola in the project's folder")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CommandError(f"{first['loc'][0]}: {first['msg']}; correct it in the environment or in .env") from None


def require_whatsapp(settings: Settings) -> None:
    """Check that the connector can start. Raises `CommandError` naming the first missing variable."""
    for field, variable in REQUIRED.items():
        value = getattr(settings, field)
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            raise CommandError(f"{variable} is not set; README.md, “Connect a real number”, says where to find it")
