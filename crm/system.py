"""What a CRM is to the rest of the house: one interface, an adapter behind it for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, Self

from crm.card import Card
from loyalty.ids import MemberId


@dataclass(frozen=True, slots=True)
class Contact:
    """What is to be written. Without a card, what we wrote before is blanked, and nothing is created."""

    member: MemberId
    remote_id: str | None
    card: Card | None
    tried: bool = False
    """Whether it was tried before, so that a contact may exist whose id we do not know."""


@dataclass(frozen=True, slots=True)
class Written:
    """The contact says what the card says. Without an id there is no contact, and none was to be made."""

    remote_id: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The system does not take this contact; sending it again as it is changes nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The contact with this id is not there any more: it is looked for, or made, again."""


Result = Written | Rejected | Missing
Results = dict[MemberId, Result]


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal as a system has it. `amount` is in `currency`, None where the system keeps no currency with it."""

    id: str
    won: bool
    amount: Decimal | None = None
    currency: str | None = None
    at: datetime | None = None
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Who a contact is, as far as the system knows."""

    member: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a system found: whether it lets us in, and which of our fields it lacks."""

    missing: tuple[str, ...] = field(default=())


class System(Protocol):
    """A CRM. Use as an async context manager. Every call raises `CrmError` by what is to be done about it."""

    @property
    def name(self) -> str:
        """Its name in settings, tables and jobs."""

    @property
    def batch(self) -> int:
        """How many contacts one push takes."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def check(self) -> Checked:
        """Look whether we are let in, and which fields are missing."""

    async def prepare(self) -> None:
        """Make the fields that are missing. Raises `NotAllowed` where a person has to make them."""

    async def push(self, contacts: Sequence[Contact], results: Results) -> None:
        """Write contacts, found by our own key or created. What became of each goes into `results` as it is known.

        A contact that is in no result is tried again, also if the call raises. Raises `BadBatch` if one of several
        spoiled it for all and the system does not say which.
        """

    async def deal(self, id_: str) -> Deal | None:
        """A deal; None if there is none."""

    async def contact(self, id_: str) -> Known:
        """Who a contact is; nothing if there is none."""


Systems = Mapping[str, System]
