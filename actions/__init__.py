"""Rasa custom actions: thin. They read the store and answer, or name the command that changes something."""
