"""What is said, in words that belong to no channel: messages, choices, their shapes on a screen and as JSON."""
