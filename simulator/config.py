"""The simulator's settings, as values or as the JSON that ``passaparola demo`` hands over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from simulator.parties import Business, Customer


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything the simulator knows of the rest: addresses and secrets.

    ``templates`` is optional: name -> language -> ``{"header", "body", "footer", "buttons": [label, …]}``, as they were
    handed in to Meta, so that the page can show a template message's words and not only its parameters.
    """

    business_name: str
    business_phone: str
    phone_number_id: str
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    webhook_url: str
    service_url: str
    api_key: str = field(repr=False)
    customers: tuple[Customer, ...] = ()
    currency: str = "EUR"
    statuses: bool = True
    templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def business(self) -> Business:
        """The sending number."""
        return Business(self.business_name, self.business_phone, self.phone_number_id)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the settings from a JSON object with the fields' names; ValueError says what is wrong."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"the settings are not JSON: {error}") from None
        _check_names(cls, values, "the settings")
        customers = values.get("customers", [])
        if not isinstance(customers, list):
            raise ValueError("customers must be a list")
        for customer in customers:
            _check_names(Customer, customer, "a customer")
        try:
            config = cls(**{**values, "customers": tuple(Customer(**customer) for customer in customers)})
            _ = config.business  # checks the number
        except (TypeError, AttributeError):
            raise ValueError("names, numbers and secrets must be texts") from None
        return config


def _check_names(kind: type[Any], values: object, what: str) -> None:
    """Refuse unknown and missing names before a TypeError does it less kindly."""
    if not isinstance(values, dict):
        raise ValueError(f"{what} must be a JSON object")
    known = {each.name: each for each in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{what}: unknown {', '.join(unknown)}")
    needed = {name for name, each in known.items() if each.default is MISSING and each.default_factory is MISSING}
    if missing := sorted(needed - set(values)):
        raise ValueError(f"{what}: missing {', '.join(missing)}")
