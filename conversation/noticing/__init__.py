"""Notices: news of the ledger put into words and into the outbox, in the transaction in which it happened."""
