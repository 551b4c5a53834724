"""Bringing a database to the current tables, by Alembic's migrations."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from loyalty.errors import StoreUnavailable
from loyalty.store import store_url
from loyalty.store.sqlite import sqlite_engine

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def upgrade(url_text: str) -> None:
    """Create or update the tables of the store at a URL. Raises `StoreUnavailable` if it cannot be reached."""
    url = store_url(url_text)
    try:
        if url.get_backend_name() == "sqlite":
            assert url.database is not None  # `store_url` saw to it
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            engine = sqlite_engine(url, writer=True)
            with engine.connect() as connection:
                _migrate(connection)
            engine.dispose()
        else:
            asyncio.run(_upgrade_async(url.render_as_string(hide_password=False)))
    except (OperationalError, OSError) as error:
        raise StoreUnavailable(f"the database cannot be reached: {getattr(error, 'orig', error)}") from None


async def _upgrade_async(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    with connection.begin():
        command.upgrade(config, "head")
