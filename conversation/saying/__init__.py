"""Sentences and templates, and what is said without being asked."""
