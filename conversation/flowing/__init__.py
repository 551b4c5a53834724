"""Flows at work: the facts a flow asks for are gathered, its effects carried out, what it says becomes a message."""
