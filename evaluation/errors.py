"""Errors of the evaluation: each says what to do."""


class EvaluationError(Exception):
    """The evaluation cannot be done as asked."""
