"""Backup and restore of a whole installation, proved by the ledger's hash chains: docs/operations.md."""
