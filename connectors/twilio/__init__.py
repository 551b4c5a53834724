"""Twilio's WhatsApp API: the second provider. What it lacks falls back and is told at the start."""
