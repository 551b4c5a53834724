"""Alembic's environment: the connection is handed over by `loyalty.store.schema`."""

from alembic import context

import conversation.tables
import crm.tables
import jobs.tables
import service.hooks.tables
import service.shops.apis.tables
import service.shops.tables
from loyalty.tables import Base

EVERY_TABLE = (
    conversation.tables, crm.tables, jobs.tables, service.shops.tables, service.shops.apis.tables, service.hooks.tables,
)  # fmt: skip
"""Imported so that its tables are known to `Base.metadata`."""

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
