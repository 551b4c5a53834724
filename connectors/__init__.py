"""Channels: how messages come in and go out. A provider is a folder; what they share lies beside them."""
