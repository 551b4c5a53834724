"""Members: who they are, what they agreed to, what they have a right to."""
