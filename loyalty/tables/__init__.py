"""The tables of the store, a module for each subject. Everything belongs to a programme."""

from loyalty.tables.base import Base, DecimalText, Identifier, Serial, UtcDateTime
from loyalty.tables.campaigns import Campaign, MemberTag, Recipient
from loyalty.tables.ledger import Balance, Chain, Entry, Lot, Transaction
from loyalty.tables.news import News
from loyalty.tables.people import Consent, Identity, Member, Programme, Revision, Secret, Tombstone
from loyalty.tables.play import Attempt, Award, DialogRun, Score, Spin, Standing
from loyalty.tables.referral import Finding, Invite, Referral, Signal
from loyalty.tables.rewards import Redemption, Stock, Voucher, VoucherUse
from loyalty.tables.service import ApiKey, IdempotencyKey, Trail
from loyalty.tables.shopping import Activity, Amendment, Claim, ParkedEvent, Purchase, Subscription

__all__ = [
    "Activity",
    "Amendment",
    "ApiKey",
    "Attempt",
    "Award",
    "Balance",
    "Base",
    "Campaign",
    "Chain",
    "Claim",
    "Consent",
    "DecimalText",
    "DialogRun",
    "Entry",
    "Finding",
    "IdempotencyKey",
    "Identifier",
    "Identity",
    "Invite",
    "Lot",
    "Member",
    "MemberTag",
    "News",
    "ParkedEvent",
    "Programme",
    "Purchase",
    "Recipient",
    "Redemption",
    "Referral",
    "Revision",
    "Score",
    "Secret",
    "Serial",
    "Signal",
    "Spin",
    "Standing",
    "Stock",
    "Subscription",
    "Tombstone",
    "Trail",
    "Transaction",
    "UtcDateTime",
    "Voucher",
    "VoucherUse",
]
