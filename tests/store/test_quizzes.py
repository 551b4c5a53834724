"""Quizzes: answered in order, in time, so many times, judged by the rules of the start, and paid once."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from loyalty.errors import Invalid, NotFound, Refused
from loyalty.games import quizzes
from loyalty.games.quizzes import Answered
from loyalty.ids import AttemptId, MemberId, new_id
from loyalty.orders.history import read_history
from loyalty.programme import Programme
from loyalty.rights.erasure import erase
from loyalty.tables import Attempt, Transaction
from tests.store.games import Arcade, a_quiz, fail_everywhere, said, with_games, with_reward
from tests.store.helpers import Shop, points, reasons

HOUR = timedelta(hours=1)


@pytest.fixture
async def arcade(shop: Shop) -> Arcade:
    """A café with a quiz of three questions, once a day; the right answers are 1, 2, 3."""
    arcade = Arcade(shop)
    await arcade.puts_up(quizzes=[a_quiz(attempts={"count": 1, "every": "day"})])
    return arcade


async def refusal(arcade: Arcade, member: MemberId, quiz: str = "beans") -> Refused:
    with pytest.raises(Refused) as refused:
        await arcade.starts(member, quiz)
    return refused.value


async def refused_answer(arcade: Arcade, attempt: AttemptId, question: int, answer: int) -> Refused:
    with pytest.raises(Refused) as refused:
        await arcade.answers(attempt, question, answer)
    return refused.value


# Starting


async def test_an_attempt_begins_with_the_first_question_and_has_its_time(arcade: Arcade) -> None:
    started = await arcade.starts(await arcade.shop.member())
    assert (started.question, started.resumed, started.ends_at) == (1, False, arcade.shop.now + HOUR)
    assert [question.right for question in started.quiz.questions] == [1, 2, 3]


async def test_an_attempt_under_way_goes_on_where_it_was(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    first = await arcade.starts(member)
    await arcade.answers(first.attempt, 1, 2)
    arcade.shop.clock.forward(HOUR - timedelta(microseconds=1))
    again = await arcade.starts(member)
    assert (again.attempt, again.question, again.resumed, again.ends_at) == (first.attempt, 2, True, first.ends_at)


async def test_an_attempt_under_way_goes_on_though_the_quiz_was_taken_off(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    first = await arcade.starts(member)
    await arcade.puts_up()
    assert (await arcade.starts(member)).attempt == first.attempt
    assert (await refusal(arcade, await arcade.shop.member())).reason == "gone"


async def test_a_quiz_the_programme_does_not_have_cannot_be_played(arcade: Arcade) -> None:
    assert (await refusal(arcade, await arcade.shop.member(), "tea")).reason == "gone"


async def test_somebody_who_has_not_joined_cannot_play(arcade: Arcade) -> None:
    assert (await refusal(arcade, await arcade.shop.member(joined=False))).reason == "not_joined"


async def test_a_quiz_can_be_played_within_its_dates(arcade: Arcade) -> None:
    await arcade.puts_up(quizzes=[a_quiz(dates={"from": "2026-11-22", "until": "2026-11-22"})])
    early, member, late = [await arcade.shop.member() for _ in range(3)]
    assert (await refusal(arcade, early)).reason == "not_now"  # it is the 21st
    arcade.shop.clock.forward(timedelta(hours=13))  # midnight in Rome
    await arcade.plays(member, 1, 2, 3)
    arcade.shop.clock.forward(timedelta(hours=24))
    assert (await refusal(arcade, late)).reason == "not_now"


async def test_a_member_has_so_many_attempts_in_a_period(arcade: Arcade) -> None:
    member, other = await arcade.shop.member(), await arcade.shop.member()
    await arcade.plays(member, 3, 3, 3)
    refused = await refusal(arcade, member)
    assert (refused.reason, refused.facts) == ("limit", {"count": 1, "every": "day"})
    await arcade.plays(other, 3, 3, 3)
    arcade.shop.clock.forward(timedelta(days=1))
    await arcade.plays(member, 3, 3, 3)


async def test_two_quizzes_are_counted_each_by_itself(arcade: Arcade) -> None:
    await arcade.puts_up(quizzes=[a_quiz("beans"), a_quiz("milk")])
    member = await arcade.shop.member()
    await arcade.plays(member, 1, 2, 3)
    assert (await arcade.starts(member, "milk")).question == 1


async def test_of_many_starts_at_once_there_is_one_attempt(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    started = await asyncio.gather(*(arcade.starts(member) for _ in range(20)))
    assert len({one.attempt for one in started}) == 1
    assert [one.resumed for one in started].count(False) == 1


async def test_players_who_never_stop_asking_stay_within_the_attempts(arcade: Arcade) -> None:
    await arcade.puts_up(quizzes=[a_quiz(attempts={"count": 3, "every": "day"})])
    member = await arcade.shop.member()

    async def insists() -> None:
        while True:
            attempt = (await arcade.starts(member)).attempt
            for question in (1, 2, 3):
                await arcade.answers(attempt, question, question)

    results = await asyncio.gather(*(insists() for _ in range(20)), return_exceptions=True)
    assert reasons(results) == ["limit"] * 20
    assert await arcade.shop.ask(lambda session: session.scalar(select(func.count()).select_from(Attempt))) == 3
    assert await arcade.shop.points(member) == points(3 * 25)
    assert await arcade.shop.is_sound()


# Answering


async def test_each_answer_is_told_whether_it_was_right_and_why(arcade: Arcade) -> None:
    started = await arcade.starts(await arcade.shop.member())
    assert await arcade.answers(started.attempt, 1, 1) == Answered(1, True, 1, said("Because 1."), None)  # type: ignore[arg-type]  # texts of a plain dict
    assert await arcade.answers(started.attempt, 2, 3) == Answered(2, False, 2, said("Because 2."), None)  # type: ignore[arg-type]


async def test_the_last_answer_brings_the_result(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    answered = await arcade.plays(member, 1, 3, 3)
    assert answered.result is not None
    assert (answered.result.right, answered.result.points, answered.result.code) == (2, 10, None)
    assert not answered.result.perfect
    assert [(one.answer, one.right, one.question.right) for one in answered.result.review] == [
        (1, True, 1), (3, False, 2), (3, True, 3),
    ]  # fmt: skip
    assert [one.question.explanation for one in answered.result.review] == [said(f"Because {n}.") for n in (1, 2, 3)]
    assert await arcade.shop.points(member) == points(10)
    assert await arcade.shop.is_sound()


async def test_all_right_gives_the_points_and_the_gift_in_one_posting(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    result = (await arcade.plays(member, 1, 2, 3)).result
    assert result is not None
    assert result.perfect
    assert (result.right, result.points) == (3, 3 * 5 + 10)
    assert result.code is not None
    assert await arcade.shop.points(member) == points(25)
    assert await arcade.vouchers(member) == ["espresso"]
    posted = await arcade.shop.ask(lambda session: session.scalars(select(Transaction)).all())
    assert [(one.kind, one.memo) for one in posted] == [("game", {"quiz": "beans", "right": 3, "questions": 3})]


async def test_a_gift_that_has_run_out_is_paid_in_points(arcade: Arcade) -> None:
    await arcade.changes_to(with_reward(arcade.shop.programme, "espresso", stock=0))
    member = await arcade.shop.member()
    result = (await arcade.plays(member, 1, 2, 3)).result
    assert result is not None
    assert (result.points, result.code) == (3 * 5 + 10 + 20, None)


async def test_nothing_right_is_a_finished_quiz_without_a_posting(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    result = (await arcade.plays(member, 3, 3, 1)).result
    assert result is not None
    assert (result.right, result.points) == (0, 0)
    assert (await arcade.shop.audit()).transactions == 0
    history = await arcade.shop.ask(lambda session: read_history(session, member))
    assert [(one.kind, one.name, one.at) for one in history.happenings] == [("quiz", "beans", arcade.shop.now)]


async def test_the_same_answer_again_has_the_same_result_and_no_effect(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    attempt = (await arcade.starts(member)).attempt
    given = []
    for question in (1, 2, 3):
        given.append(await arcade.answers(attempt, question, question))
        assert await arcade.answers(attempt, question, question) == given[-1]
    arcade.shop.clock.forward(timedelta(days=3))
    assert [await arcade.answers(attempt, question, question) for question in (1, 2, 3)] == given
    assert await arcade.shop.points(member) == points(25)
    assert await arcade.vouchers(member) == ["espresso"]


async def test_an_answer_cannot_be_changed(arcade: Arcade) -> None:
    attempt = (await arcade.starts(await arcade.shop.member())).attempt
    await arcade.answers(attempt, 1, 2)
    refused = await refused_answer(arcade, attempt, 1, 1)
    assert (refused.reason, refused.facts) == ("answered", {"answer": 2})
    await arcade.answers(attempt, 2, 2)
    await arcade.answers(attempt, 3, 3)
    assert (await refused_answer(arcade, attempt, 3, 1)).reason == "answered"


async def test_questions_are_answered_in_order(arcade: Arcade) -> None:
    attempt = (await arcade.starts(await arcade.shop.member())).attempt
    refused = await refused_answer(arcade, attempt, 2, 2)
    assert (refused.reason, refused.facts) == ("order", {"question": 1})
    await arcade.answers(attempt, 1, 1)
    assert (await refused_answer(arcade, attempt, 3, 3)).facts == {"question": 2}


async def test_answers_and_questions_that_do_not_exist_are_invalid(arcade: Arcade) -> None:
    attempt = (await arcade.starts(await arcade.shop.member())).attempt
    for question, answer, field in ((0, 1, "question"), (4, 1, "question"), (1, 0, "answer"), (1, 4, "answer")):
        with pytest.raises(Invalid) as refused:
            await arcade.answers(attempt, question, answer)
        assert refused.value.field == field
    with pytest.raises(NotFound, match="no such attempt"):
        await arcade.answers(AttemptId(new_id()), 1, 1)
    await arcade.changes_to(arcade.shop.programme.model_copy(update={"id": "bar"}))
    with pytest.raises(NotFound, match="no such attempt"):
        await arcade.answers(attempt, 1, 1)


async def test_an_attempt_is_judged_by_the_rules_of_its_start(arcade: Arcade) -> None:
    member, other = await arcade.shop.member(), await arcade.shop.member()
    attempt = (await arcade.starts(member)).attempt
    await arcade.answers(attempt, 1, 1)
    changed = a_quiz(points=100, perfect=None)
    changed["questions"] = list(reversed(changed["questions"]))  # type: ignore[call-overload]  # a list, as made
    await arcade.puts_up(quizzes=[changed])
    await arcade.answers(attempt, 2, 2)
    result = (await arcade.answers(attempt, 3, 3)).result
    assert result is not None
    assert (result.right, result.points) == (3, 25)
    assert ((await arcade.plays(other, 3, 2, 1)).result or result).points == 300


async def test_an_attempt_of_a_quiz_taken_off_is_finished_and_paid(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    attempt = (await arcade.starts(member)).attempt
    await arcade.changes_to(with_games(arcade.shop.programme))
    for question in (1, 2, 3):
        await arcade.answers(attempt, question, question)
    assert await arcade.shop.points(member) == points(25)


async def test_a_quiz_answered_many_times_at_once_pays_once(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    attempt = (await arcade.starts(member)).attempt
    for question in (1, 2, 3):
        answered = await asyncio.gather(*(arcade.answers(attempt, question, question) for _ in range(20)))
        assert len(set(map(repr, answered))) == 1
    assert await arcade.shop.points(member) == points(25)
    assert await arcade.vouchers(member) == ["espresso"]
    assert await arcade.shop.is_sound()


async def test_of_different_answers_at_once_one_counts(arcade: Arcade) -> None:
    attempt = (await arcade.starts(await arcade.shop.member())).attempt
    results = await asyncio.gather(
        *(arcade.answers(attempt, 1, answer) for answer in (1, 2, 3) * 5), return_exceptions=True
    )
    assert reasons(results) == ["answered"] * 10


async def test_a_failure_at_any_point_loses_and_doubles_nothing(arcade: Arcade) -> None:
    """The transaction is broken off at each statement in turn, then it is let through."""
    shop, member = arcade.shop, await arcade.shop.member()

    async def look() -> object:
        query = select(Attempt.id, Attempt.answers, Attempt.right, Attempt.finished_at)
        attempts = await shop.ask(lambda session: session.execute(query).all())
        return attempts, await shop.points(member), await arcade.vouchers(member), await shop.audit()

    started = await fail_everywhere(shop, arcade.starting(member), look)
    for question in (1, 2, 3):
        answered = await fail_everywhere(shop, arcade.answering(started.attempt, question, question), look)
        assert await arcade.answers(started.attempt, question, question) == answered
    assert await shop.points(member) == points(25)
    assert await arcade.vouchers(member) == ["espresso"]
    assert await shop.is_sound()


async def test_a_finished_quiz_counts_for_goals(arcade: Arcade) -> None:
    badge = {"id": "clever", "name": said("Clever"), "measure": "quizzes", "target": 1, "gift": {"points": 7}}
    document = arcade.shop.programme.document()
    await arcade.changes_to(Programme.model_validate({**document, "badges": [badge]}))
    member = await arcade.shop.member()
    started = await arcade.starts(member)
    assert await arcade.shop.points(member) == points(0)
    for question in (1, 2, 3):
        await arcade.answers(started.attempt, question, 4 - question)
    assert await arcade.shop.points(member) == points(5 + 7)


# Time


async def test_an_answer_that_comes_too_late_does_not_count_and_ends_the_attempt(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    started = await arcade.starts(member)
    await arcade.answers(started.attempt, 1, 1)
    await arcade.answers(started.attempt, 2, 2)
    arcade.shop.clock.forward(HOUR)
    late = await arcade.answers(started.attempt, 3, 3)
    assert late.time_over
    assert late.result is not None
    assert (late.result.right, late.result.points, late.result.code) == (2, 10, None)
    assert [one.answer for one in late.result.review] == [1, 2, None]
    assert await arcade.shop.points(member) == points(10)
    assert await arcade.answers(started.attempt, 3, 3) == late
    assert not (await arcade.answers(started.attempt, 2, 2)).time_over
    assert await arcade.shop.points(member) == points(10)


async def test_a_moment_before_the_end_is_in_time(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    started = await arcade.starts(member)
    arcade.shop.clock.forward(HOUR - timedelta(microseconds=1))
    for question in (1, 2, 3):
        assert not (await arcade.answers(started.attempt, question, question)).time_over
    assert await arcade.shop.points(member) == points(25)


async def test_attempts_whose_time_is_over_are_finished_when_due(arcade: Arcade) -> None:
    members = [await arcade.shop.member() for _ in range(3)]
    attempts = [(await arcade.starts(member)).attempt for member in members[:2]]
    await arcade.answers(attempts[0], 1, 1)
    await arcade.plays(members[2], 1, 2, 3)
    arcade.shop.clock.forward(HOUR - timedelta(microseconds=1))
    assert await arcade.due() == 0
    ended = arcade.shop.now + timedelta(microseconds=1)
    arcade.shop.clock.forward(timedelta(days=2))
    assert await arcade.due() == 2
    assert await arcade.due() == 0
    assert [(await arcade.shop.points(member)).available for member in members] == [5, 0, 25]
    for attempt in attempts:
        row = await arcade.shop.ask(lambda session, attempt=attempt: session.get_one(Attempt, attempt))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert row.finished_at == ended
    assert (await arcade.answers(attempts[0], 2, 2)).time_over
    assert await arcade.shop.is_sound()


async def test_more_attempts_than_fit_into_a_batch_are_all_finished(arcade: Arcade) -> None:
    count = quizzes.BATCH + 3
    for _ in range(count):
        started = await arcade.starts(await arcade.shop.member())
        await arcade.answers(started.attempt, 1, 1)
    arcade.shop.clock.forward(HOUR)
    done = [await arcade.due() for _ in range(3)]
    assert done == [quizzes.BATCH, 3, 0]


async def test_starting_again_after_the_time_is_over_pays_the_old_attempt_first(arcade: Arcade) -> None:
    member = await arcade.shop.member()
    first = await arcade.starts(member)
    await arcade.answers(first.attempt, 1, 1)
    arcade.shop.clock.forward(timedelta(days=1))
    second = await arcade.starts(member)
    assert (second.attempt != first.attempt, second.question, second.resumed) == (True, 1, False)
    assert await arcade.shop.points(member) == points(5)
    ended = await arcade.shop.ask(lambda session: session.get_one(Attempt, first.attempt).finished_at)
    assert ended == first.ends_at
    assert await arcade.due() == 0


async def test_the_end_and_the_last_answer_at_once_pay_once(arcade: Arcade) -> None:
    for _ in range(5):
        member = await arcade.shop.member()
        attempt = (await arcade.starts(member)).attempt
        await arcade.answers(attempt, 1, 1)
        await arcade.answers(attempt, 2, 2)
        arcade.shop.clock.forward(HOUR)
        *late, _ = await asyncio.gather(*(arcade.answers(attempt, 3, 3) for _ in range(5)), arcade.due())
        assert all(isinstance(one, Answered) and one.time_over for one in late)
        assert await arcade.shop.points(member) == points(10)
    assert await arcade.shop.is_sound()


async def test_somebody_who_was_erased_is_paid_nothing_and_cannot_start_again(arcade: Arcade) -> None:
    shop = arcade.shop
    member = await shop.member()
    started = await arcade.starts(member)
    await arcade.answers(started.attempt, 1, 1)
    await shop.do(lambda session: erase(session, shop.programme, member, shop.now))
    before = await shop.points(member)
    shop.clock.forward(HOUR)
    assert await arcade.due() == 1
    assert await shop.points(member) == before
    shop.clock.forward(timedelta(days=1))
    assert (await refusal(arcade, member)).reason == "not_joined"
