"""Dialog state machines: pure. What they need to know is handed to them, what they want done they say."""
