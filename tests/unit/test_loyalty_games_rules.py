"""The rules of games: what a quiz gives, and which wheels and quizzes cannot be written."""

import pytest
from pydantic import ValidationError

from loyalty.rules.games import Quiz, Wheel
from loyalty.rules.parts import Gift
from tests.store.games import a_quiz, a_wheel, prize, said

POINTS = {"points": 1}


def test_a_quiz_gives_its_points_for_each_right_answer_and_more_for_all_of_them() -> None:
    quiz = Quiz.model_validate(a_quiz())
    assert [quiz.gift(right) for right in range(4)] == [
        None, Gift(points=5), Gift(points=10), Gift(points=25, reward="espresso"),
    ]  # fmt: skip


def test_a_quiz_for_fun_gives_nothing() -> None:
    quiz = Quiz.model_validate(a_quiz(points=0, perfect=None))
    assert [quiz.gift(right) for right in range(4)] == [None] * 4


def test_a_quiz_may_give_a_reward_alone() -> None:
    quiz = Quiz.model_validate(a_quiz(points=0, perfect={"reward": "espresso"}))
    assert quiz.gift(3) == Gift(reward="espresso")


def test_a_quiz_that_gives_more_than_a_gift_can_hold_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="gives up to 1000000010 points"):
        Quiz.model_validate(a_quiz(points=333_333_334, perfect={"points": 8}))
    assert Quiz.model_validate(a_quiz(points=333_333_330, perfect={"points": 10})).gift(3) == Gift(points=10**9)


@pytest.mark.parametrize(
    ("said", "prizes", "more"),
    [
        ("the weights add up to 3, total says 4", [prize("a", 1), prize("b", 2)], {"total": 4}),
        ("can run out: say with `instead:`", [prize("a", 1, stock=1), prize("b", 1)], {}),
        ("can run out: say with `instead:`", [prize("a", 1, cost=1, budget=5), prize("b", 1)], {}),
        ("has a budget without a cost", [prize("a", 1, budget=5, instead="b"), prize("b", 1)], {}),
        ("must name a prize that cannot run out", [prize("a", 1, stock=1, instead="c"), prize("b", 1)], {}),
        (
            "must name a prize that cannot run out",
            [prize("a", 1, stock=1, instead="b"), prize("b", 1, stock=1, instead="a")],
            {},
        ),
        ("must give something too", [prize("a", 1, gift=POINTS, stock=1, instead="b"), prize("b", 1)], {}),
        ("the id a is used twice", [prize("a", 1), prize("a", 1)], {}),
    ],
)
def test_a_wheel_that_could_surprise_somebody_is_a_mistake(
    said: str, prizes: list[dict[str, object]], more: dict[str, object]
) -> None:
    with pytest.raises(ValidationError, match=said):
        Wheel.model_validate(a_wheel(*prizes, **more))


def questions(**more: object) -> list[dict[str, object]]:
    return [{"text": said("?"), "answers": [said("A"), said("B")], "right": 1, **more}]


@pytest.mark.parametrize(
    "image", ["http://example.com/a.jpg", "a.jpg", "https://", "https://example.com", "https://a b/c"]
)
def test_a_picture_is_an_address_that_everybody_can_fetch(image: str) -> None:
    with pytest.raises(ValidationError):
        Quiz.model_validate(a_quiz(questions=questions(image=image)))
    good = Quiz.model_validate(a_quiz(questions=questions(image="https://example.com/a.jpg")))
    assert good.questions[0].image == "https://example.com/a.jpg"


def test_two_answers_that_say_the_same_are_a_mistake() -> None:
    answers = [said("Milk"), {**said("Tea"), "it": " milk"}]
    with pytest.raises(ValidationError, match="two answers say the same in it"):
        Quiz.model_validate(a_quiz(questions=questions(answers=answers)))
