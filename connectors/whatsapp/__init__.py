"""WhatsApp's Cloud API: updates in, messages out."""
