"""Local stand-ins for CRMs: each behaves as its documentation says, and fails when it is told to."""

from simulator.crm.base import StandInCrm, Trouble
from simulator.crm.bitrix24 import StandInBitrix24
from simulator.crm.hubspot import StandInHubSpot
from simulator.crm.kommo import StandInKommo
from simulator.crm.retailcrm import StandInRetailCrm
from simulator.crm.zoho import StandInZoho

__all__ = [
    "StandInBitrix24",
    "StandInCrm",
    "StandInHubSpot",
    "StandInKommo",
    "StandInRetailCrm",
    "StandInZoho",
    "Trouble",
]
