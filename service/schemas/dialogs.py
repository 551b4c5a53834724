"""Answers to written dialogs."""

from pydantic import AwareDatetime, BaseModel


class AnswersRow(BaseModel):
    """What one member answered: by the id of the question, of a choice the id of what was chosen."""

    member: str
    answers: dict[str, str]
    at: AwareDatetime


class AnswersPage(BaseModel):
    """Oldest first; `next` is the cursor of the following page."""

    answers: list[AnswersRow]
    next: str | None
