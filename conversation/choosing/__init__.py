"""Choices on offer, and what typed words choose."""
