"""Random walks through everything the chat can do, and what must hold after each step and at the end."""
