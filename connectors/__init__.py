"""Channels: how conversations reach the outside."""
