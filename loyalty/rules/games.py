"""Quizzes and the wheel. Both are off unless the programme switches them on.

In some countries a wheel that depends on chance is a lottery (in Italy a *concorso a premi*, DPR 430/2001);
`chance: false` gives prizes in a published order instead.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from loyalty.rules.parts import Amount, Dates, Gift, Part, Points, Slug, Texts, Times, distinct


class Question(Part):
    """A question with two to four answers."""

    text: Texts
    answers: Annotated[tuple[Texts, ...], Field(min_length=2, max_length=4)]
    right: Annotated[int, Field(ge=1, le=4)]
    """Which answer is right, counted from 1."""
    explanation: Texts | None = None

    @model_validator(mode="after")
    def _there(self) -> Self:
        if self.right > len(self.answers):
            raise ValueError(f"right is {self.right}, but there are {len(self.answers)} answers")
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
    minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """How long an attempt may take; what is answered later does not count."""
    dates: Dates = Dates()


class Prize(Part):
    """A field of the wheel."""

    id: Slug
    name: Texts
    weight: Annotated[int, Field(ge=1, le=10**6)]
    gift: Gift | None = None
    """Without one the field says "better luck next time"."""
    stock: Annotated[int, Field(ge=0, le=10**9)] | None = None
    cost: Amount = Decimal(0)
    budget: Amount | None = None
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
    prizes: Annotated[tuple[Prize, ...], Field(min_length=2, max_length=50), AfterValidator(distinct)]
    spins: Times = Times(count=1, every="week")
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
