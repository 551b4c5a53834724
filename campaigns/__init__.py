"""Campaigns: who is written to, what, when, how fast, and what came of it."""
