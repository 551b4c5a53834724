"""Calling other systems' interfaces: what CRMs and shops have in common."""
