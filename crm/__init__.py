"""Customer relationship systems: what members are worth is written there, deals that were won are read there."""
