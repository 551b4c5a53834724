"""The sender: drains the outbox through whichever provider is set, within its limits."""
