"""Settings, from the environment or a `.env` file. Every command reads them here and nowhere else."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from passaparola.crm_settings import CrmSettings
from passaparola.errors import CommandError
from passaparola.shop_settings import ShopSettings

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(CrmSettings, ShopSettings):
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
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="PASSAPAROLA_LOG_LEVEL")
    """From which level on lines are logged. INFO has one for each step of a message."""

    hooks_insecure: bool = Field(False, alias="PASSAPAROLA_HOOKS_INSECURE")
    """Webhooks may go to this machine, and without TLS: for tests and development, never in earnest."""

    rasa_token: SecretStr | None = Field(None, alias="PASSAPAROLA_RASA_TOKEN", min_length=16)
    """Turns Rasa's HTTP API on, beside the webhook, for those who have the token."""

    provider: Literal["meta", "twilio"] = Field("meta", alias="PASSAPAROLA_PROVIDER")
    """Who carries messages to and from WhatsApp: Meta's Cloud API, or Twilio. docs/providers.md compares them."""
    public_chat_url: str = Field("", alias="PASSAPAROLA_PUBLIC_CHAT_URL")
    """How the outside reaches the chat process, without `/webhooks`: Twilio signs it and sends receipts there."""
    twilio_url: str = Field("https://api.twilio.com", alias="TWILIO_API_URL")
    twilio_account_sid: str = Field("", alias="TWILIO_ACCOUNT_SID", pattern=r"^(AC[0-9a-fA-F]{32})?$")
    twilio_auth_token: SecretStr = Field(SecretStr(""), alias="TWILIO_AUTH_TOKEN")
    twilio_number: str = Field("", alias="TWILIO_WHATSAPP_NUMBER", pattern=r"^((whatsapp:)?\+[0-9]{7,15})?$")
    """The sender, such as +14155238886. A programme's `phone_number_id` is its digits, where there are several."""
    twilio_contents: Path = Field(Path("data/twilio.yml"), alias="TWILIO_CONTENTS")
    """Which template is which of Twilio's."""

    graph_url: str = Field("https://graph.facebook.com/v24.0", alias="WHATSAPP_GRAPH_URL")
    chat_url: str = Field("https://wa.me", alias="WHATSAPP_CHAT_URL")
    phone_number_id: str = Field("", alias="WHATSAPP_PHONE_NUMBER_ID")
    business_account_id: str = Field("", alias="WHATSAPP_BUSINESS_ACCOUNT_ID")
    """The account that templates belong to; `passaparola templates` needs it, chatting does not."""
    app_id: str = Field("", alias="WHATSAPP_APP_ID")
    """Only templates with a picture need it, for the upload of its example."""
    access_token: SecretStr = Field(SecretStr(""), alias="WHATSAPP_ACCESS_TOKEN")
    app_secret: SecretStr = Field(SecretStr(""), alias="WHATSAPP_APP_SECRET")
    verify_token: SecretStr = Field(SecretStr(""), alias="WHATSAPP_VERIFY_TOKEN")

    messages_per_second: int = Field(80, alias="WHATSAPP_MESSAGES_PER_SECOND", ge=1, le=1000)
    """The number's throughput: 80, or 1000 once WhatsApp has upgraded it; 20 if the phone's app uses it too."""
    portfolio_limit: int = Field(250, alias="WHATSAPP_PORTFOLIO_LIMIT", ge=0)
    """How many people outside the 24-hour window may be written to in 24 hours; 0: WhatsApp set no limit."""
    pair_seconds: float = Field(6.0, alias="WHATSAPP_PAIR_SECONDS", ge=0)
    """Seconds between messages to one person, of which a burst may be borrowed; 0 for load tests only."""

    @property
    def number_id(self) -> str:
        """By what the provider names the number of a programme whose file names none."""
        if self.provider == "meta":
            return self.phone_number_id
        return self.twilio_number.removeprefix("whatsapp:").removeprefix("+")


REQUIRED = {
    "phone_number_id": "WHATSAPP_PHONE_NUMBER_ID",
    "access_token": "WHATSAPP_ACCESS_TOKEN",
    "app_secret": "WHATSAPP_APP_SECRET",
    "verify_token": "WHATSAPP_VERIFY_TOKEN",
}
"""What `run` cannot do without."""
REQUIRED_OF_TWILIO = {
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "twilio_number": "TWILIO_WHATSAPP_NUMBER",
}
"""The same where Twilio is the provider."""
_WHERE = {"meta": "README.md, “Connect a real number”,", "twilio": "docs/providers.md"}


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
    required = REQUIRED if settings.provider == "meta" else REQUIRED_OF_TWILIO
    for field, variable in required.items():
        value = getattr(settings, field)
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            raise CommandError(f"{variable} is not set; {_WHERE[settings.provider]} says where to find it")
