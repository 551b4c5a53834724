"""What an error of a system means for the system as a whole: for how long it is left alone, and who hears of it."""

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from crm import states
from crm.errors import CrmError, Down, Wait
from loyalty.store import Store

log = structlog.get_logger()


async def leave_alone(store: Store, system: str, error: CrmError, now: datetime) -> str:
    """Leave a system alone for as long as an error asks for. Returns why, in words."""
    why = str(error)
    log.warning("a CRM is left alone for a while", system=system, why=why)

    def work(session: Session) -> None:
        match error:
            case Wait(after=after):
                states.pause(session, system, why, after, now)
            case Down(least=least):
                states.failed(session, system, why, least, now)
            case _:
                states.refused(session, system, why, now)

    await store.write(work)
    return why
