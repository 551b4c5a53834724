"""What goes out: the outbox, what becomes of it, what it costs, and what holds it back."""
