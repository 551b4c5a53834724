"""Signed webhooks to other people's tools, by Zapier's REST-hook convention: docs/hooks.md."""
