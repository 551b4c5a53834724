"""The parts of a webhook body, each read by a module of its own. Nothing here raises, whatever a body holds."""
