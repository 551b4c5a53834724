"""The ledger: append-only, double-entry, proved by an audit; and what can happen to a member's points."""
