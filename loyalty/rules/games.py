"""Quizzes and the wheel. Both are off unless the programme switches them on.

In some countries a wheel that depends on chance is a lottery (in Italy a *concorso a premi*, DPR 430/2001);
`chance: false` gives prizes in a published order instead.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from loyalty.rules.parts import (
    LANGUAGES,
    Amount,
    Dates,
    Gift,
    Part,
    PictureAddress,
    Points,
    Slug,
    Texts,
    Times,
    distinct,
)

MOST_POINTS = 10**9
"""That one gift can have."""


class Question(Part):
    """A question with two to four answers."""

    text: Texts
    """What is asked."""
    answers: Annotated[tuple[Texts, ...], Field(min_length=2, max_length=4)]
    """What can be answered."""
    right: Annotated[int, Field(ge=1, le=4)]
    """Which answer is right, counted from 1."""
    explanation: Texts | None = None
    """What is said after the answer, whether it was right or not."""
    image: PictureAddress | None = None
    """A picture above the question; with three answers at most both fit into one message."""

    @model_validator(mode="after")
    def _there(self) -> Self:
        if self.right > len(self.answers):
            raise ValueError(f"right is {self.right}, but there are {len(self.answers)} answers")
        for language in LANGUAGES:
            if len({" ".join(answer[language].casefold().split()) for answer in self.answers}) < len(self.answers):
                raise ValueError(f"two answers say the same in {language}")
        return self


class Quiz(Part):
    """Questions with points for right answers."""

    id: Slug
    name: Texts
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=50)]
    points: Points = 0
    """For each right answer."""
    perfect: Gift | None = None
    """On top, if all answers are right."""
    attempts: Times = Times()
    """How often a member may try."""
    minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """How long an attempt may take; what is answered later does not count."""
    dates: Dates = Dates()

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        most = self.points * len(self.questions) + (self.perfect.points if self.perfect else 0)
        if most > MOST_POINTS:
            raise ValueError(f"gives up to {most} points; a gift has at most {MOST_POINTS}")
        return self

    def gift(self, right: int) -> Gift | None:
        """What so many right answers give, all in one; None if that is nothing."""
        perfect = self.perfect if right == len(self.questions) else None
        points = self.points * right + (perfect.points if perfect else 0)
        reward = perfect.reward if perfect else None
        return Gift(points=points, reward=reward) if points or reward is not None else None


class Prize(Part):
    """A field of the wheel."""

    id: Slug
    name: Texts
    weight: Annotated[int, Field(ge=1, le=10**6)]
    """How many of the wheel's `total` fields it has."""
    gift: Gift | None = None
    """Without one the field says "better luck next time"."""
    stock: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How many there are."""
    cost: Amount = Decimal(0)
    """What one costs the business."""
    budget: Amount | None = None
    """What all of them together may cost."""
    instead: Slug | None = None
    """The prize that is given when this one has run out; needed with a stock or a budget."""

    @model_validator(mode="after")
    def _never_a_loss(self) -> Self:
        if (self.stock is not None or self.budget is not None) and self.instead is None:
            raise ValueError("can run out: say with `instead:` which prize is given then")
        if self.budget is not None and not self.cost:
            raise ValueError("has a budget without a cost")
        return self


class Wheel(Part):
    """The wheel: integer weights that add up to a stated total, shown before each spin."""

    id: Slug = "wheel"
    name: Texts
    chance: bool = True
    """False: each member's prizes come in the order of the list, the same for everybody."""
    total: Annotated[int, Field(ge=1, le=10**9)]
    """What all weights add up to; the odds people are shown."""
    prizes: Annotated[tuple[Prize, ...], Field(min_length=2, max_length=50), AfterValidator(distinct)]
    spins: Times = Times(count=1, every="week")
    """How often a member may spin."""
    price: Points = 0
    """Points that a spin costs."""
    dates: Dates = Dates()

    @model_validator(mode="after")
    def _fair(self) -> Self:
        weights = sum(prize.weight for prize in self.prizes)
        if weights != self.total:
            raise ValueError(f"the weights add up to {weights}, total says {self.total}")
        known = {prize.id: prize for prize in self.prizes}
        for prize in self.prizes:
            other = known.get(prize.instead) if prize.instead else None
            if prize.instead and (other is None or other.instead is not None):
                raise ValueError(f"prize {prize.id}: `instead` must name a prize that cannot run out itself")
            if other is not None and prize.gift is not None and other.gift is None:
                raise ValueError(f"prize {prize.id}: `instead` must give something too")
        return self

    def prize(self, id_: str) -> Prize:
        """The prize with this id."""
        return next(prize for prize in self.prizes if prize.id == id_)


class Games(Part):
    """What can be played."""

    quizzes: Annotated[tuple[Quiz, ...], AfterValidator(distinct)] = ()
    wheel: Wheel | None = None

    def quiz(self, id_: str) -> Quiz | None:
        """The quiz with this id."""
        return next((quiz for quiz in self.quizzes if quiz.id == id_), None)
