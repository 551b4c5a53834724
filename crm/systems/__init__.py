"""One adapter for each CRM."""
