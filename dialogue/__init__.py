"""Rasa, as the conversation sees it: words in, answers out, nothing changed on the way."""
