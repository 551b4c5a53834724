"""A member's level, goals and places on leaderboards, kept in line with her past after each thing she does."""

from loyalty.points import Books
from loyalty.programme import Programme


def update(books: Books, programme: Programme) -> None:
    """Bring a locked member's standing, awards and scores in line with her history, as of the books' moment."""
