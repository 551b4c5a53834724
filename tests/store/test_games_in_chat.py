"""Playing in the chat: a quiz, the wheel, the leaderboards. Whatever happens twice pays once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import regex
from sqlalchemy import select
from sqlalchemy.orm import Session

from actions import games as about
from actions.question import Question
from conversation.flowing.part import At
from conversation.flowing.quizzing import Quizzing
from conversation.flowing.ranking import Ranking
from conversation.flowing.runner import Flowed, FlowRunner
from conversation.flowing.spinning import Spinning
from conversation.messages.model import Command, Inquiry, Message
from conversation.saying.sentences import Sentences
from flows.model import Ask, Event, Saved
from loyalty.clock import FixedClock
from loyalty.games.draw import Field, verify
from loyalty.ids import MemberId
from loyalty.programme import LANGUAGES, Language
from loyalty.store import Store
from loyalty.tables import Consent, Member, Spin
from tests.store.asking import takes_part
from tests.store.games import Arcade, a_quiz, a_wheel, fail_everywhere, prize
from tests.store.goals import a_goal, aims
from tests.store.helpers import Shop
from tests.store.ready_made import business

BUTTONS = ("A", "B", "C")


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


@pytest.fixture
def arcade(shop: Shop) -> Arcade:
    return Arcade(shop)


class Chat:
    """A member's way through the flows of games."""

    def __init__(self, shop: Shop, sentences: Sentences, member: MemberId, language: Language = "en") -> None:
        self.shop, self.member, self.language, self.sentences = shop, member, language, sentences
        self.runner = FlowRunner(sentences, (Quizzing(sentences), Spinning(sentences), Ranking(sentences)))
        self.saved: Saved | None = None
        self.message: Message | None = None

    async def begins(self, flow: str) -> Message:
        return self._keep(await self.shop.do(self.beginning(flow)))

    async def taps(self, name: str, **args: str | int) -> Message:
        return self._keep(await self.shop.do(self.tapping(name, **args)))

    async def answers(self, title: str) -> Message:
        """Tap the choice with this title."""
        assert self.message is not None
        action = next(choice.action for choice in self.message.choices if choice.title == title)
        assert isinstance(action, Event)
        return await self.taps(action.name, **action.args)

    def beginning(self, flow: str) -> Callable[[Session], Flowed]:
        return lambda session: self.runner.start(flow, self._at(session), {})

    def tapping(self, name: str, **args: str | int) -> Callable[[Session], Flowed]:
        saved = self.saved
        assert saved is not None
        return lambda session: self.runner.step(self._at(session), saved, Event(name, args))

    async def back(self) -> Message | None:
        """What is added to an answer in the middle."""
        saved = self.saved
        assert saved is not None
        reminded = await self.shop.do(lambda session: self.runner.remind(self._at(session), saved, Message("42")))
        return reminded if reminded.text != "42" else None

    def _at(self, session: Session) -> At:
        member = session.get_one(Member, self.member)
        return At(session, self.shop.programme, member, self.language, self.shop.now, "wamid.HBgMMzkzMzMxMjM0NTY3")

    def _keep(self, flowed: Flowed) -> Message:
        self.saved, self.message = flowed.saved, flowed.message
        return flowed.message


def titles(message: Message) -> list[str]:
    return [choice.title for choice in message.choices]


def intents(message: Message) -> list[str]:
    return [choice.action.intent for choice in message.choices if isinstance(choice.action, Ask)]


# ---- the quiz


async def test_a_quiz_takes_one_message_more_than_it_has_questions(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()])
    member = await arcade.shop.member()
    chat = Chat(arcade.shop, sentences, member)
    said = [await chat.begins("quiz"), *[await chat.answers(title) for title in BUTTONS]]
    assert said[0].text == (
        "*Coffee quiz*: 3 questions, 5 points for each right answer.\n\nYou have 60 minutes.\n\n"
        "*Question 1 of 3*\nQuestion 1?"
    )
    assert titles(said[0]) == list(BUTTONS)
    assert said[1].text == "✅ Right! +5\n\nBecause 1.\n\n*Question 2 of 3*\nQuestion 2?"
    assert regex.fullmatch(
        r"✅ Right! \+5\n\nBecause 3\.\n\n3 of 3: all right! 🎉\n\n"
        r"That's \*25 points\* for you: you now have 25 points\.\n\n"
        r"🎁 \*Espresso\*\nYour code: \*.+\*\nShow it at the till by December 21, 2026\.",
        said[3].text,
    )
    assert intents(said[3]) == ["my_vouchers", "check_points", "list_rewards"]
    assert chat.saved is None
    assert (await arcade.shop.points(member)).available == 25


async def test_a_wrong_answer_says_what_was_right(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()])
    chat = Chat(arcade.shop, sentences, await arcade.shop.member())
    await chat.begins("quiz")
    assert (await chat.answers("C")).text.startswith("Not quite: it was *A*.\n\nBecause 1.\n\n*Question 2 of 3*")
    await chat.answers("A")
    last = await chat.answers("A")
    assert "0 of 3 this time." in last.text
    assert "point" not in last.text


async def test_a_quiz_that_is_interrupted_goes_on_and_knows_the_way_back(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()])
    chat = Chat(arcade.shop, sentences, await arcade.shop.member())
    await chat.begins("quiz")
    await chat.answers("A")
    back = await chat.back()
    assert back is not None
    assert "your quiz: question 2 of 3" in back.text
    again = await chat.begins("quiz")
    assert again.text == "On we go with *Coffee quiz*:\n\n*Question 2 of 3*\nQuestion 2?"


async def test_when_time_is_up_the_result_is_told_and_nothing_is_asked_any_more(
    arcade: Arcade, sentences: Sentences
) -> None:
    await arcade.puts_up(quizzes=[a_quiz(minutes=10)])
    member = await arcade.shop.member()
    chat = Chat(arcade.shop, sentences, member)
    await chat.begins("quiz")
    await chat.answers("A")
    arcade.shop.clock.forward(timedelta(minutes=11))
    assert await chat.back() is None
    late = await chat.answers("B")
    assert late.text.startswith(
        "⏰ Time is up for this quiz: what you answered before counts.\n\nYou got 1 of 3 right."
    )
    assert (await arcade.shop.points(member)).available == 5


async def test_a_quiz_that_the_clock_finished_tells_its_result_when_she_comes_back(
    arcade: Arcade, sentences: Sentences
) -> None:
    await arcade.puts_up(quizzes=[a_quiz(minutes=10)])
    member = await arcade.shop.member()
    chat = Chat(arcade.shop, sentences, member)
    await chat.begins("quiz")
    await chat.answers("A")
    arcade.shop.clock.forward(timedelta(minutes=11))
    assert await arcade.due() == 1
    assert (await chat.taps("again")).text.startswith("⏰ Time is up")
    assert (await arcade.shop.points(member)).available == 5


@pytest.mark.parametrize(
    ("quiz", "said"),
    [
        ({}, "You've played *Coffee quiz* as often as it can be played. There are other ways to earn points:"),
        (
            {"attempts": {"every": "month"}},
            "You've played *Coffee quiz* as often as possible for now. You can play it again from December 1, 2026.",
        ),
        ({"dates": {"from": "2026-12-24"}}, "*Coffee quiz* begins on December 24, 2026."),
        ({"dates": {"until": "2026-01-31"}}, "*Coffee quiz* is over. There are other ways to earn points:"),
    ],
)
async def test_what_cannot_be_played_says_when_it_can(
    arcade: Arcade, sentences: Sentences, quiz: dict[str, Any], said: str
) -> None:
    await arcade.puts_up(quizzes=[a_quiz(**quiz)])
    member = await arcade.shop.member()
    if "dates" not in quiz:
        await arcade.plays(member, 1, 2, 3)
    message = await Chat(arcade.shop, sentences, member).begins("quiz")
    assert message.text == said
    assert intents(message) == ["how_to_earn", "list_rewards", "check_points"]


async def test_of_two_quizzes_the_other_one_is_left_to_play(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz(), a_quiz("milk", name=dict.fromkeys(LANGUAGES, "Milk quiz"))])
    chat = Chat(arcade.shop, sentences, await arcade.shop.member())
    message = await chat.begins("quiz")
    assert titles(message) == ["Coffee quiz", "Milk quiz"]
    assert [choice.detail for choice in message.choices] == ["3 questions · up to 25 points"] * 2
    await chat.answers("Milk quiz")
    for title in BUTTONS:
        message = await chat.answers(title)
    assert intents(message)[0] == "play_quiz"
    assert (await chat.begins("quiz")).text.startswith("*Coffee quiz*: 3 questions")


async def test_who_has_not_joined_is_told_how(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()], wheel=a_wheel())
    chat = Chat(arcade.shop, sentences, await arcade.shop.member(joined=False))
    for flow in ("quiz", "wheel"):
        assert intents(await chat.begins(flow)) == ["join_program", "how_to_earn"]
        assert chat.saved is None


async def test_the_streak_it_belongs_to_is_shown(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz(attempts={"every": "week"})])
    streak = a_goal("quizzer", "quizzes", unit="week", length=4)
    await aims(arcade.shop, streaks=[streak], games=arcade.shop.programme.games.model_dump(mode="json", by_alias=True))
    chat = Chat(arcade.shop, sentences, await arcade.shop.member())
    await chat.begins("quiz")
    for title in BUTTONS:
        last = await chat.answers(title)
    assert "*Quizzer*\n▰▰▱▱▱▱▱▱ 1 of 4\nTo keep it going: once more by November 29, 2026" in last.text
    assert "You can play it again from November 23, 2026." in last.text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_message_is_whole_in_every_language(
    arcade: Arcade, sentences: Sentences, language: Language
) -> None:
    await arcade.puts_up(quizzes=[a_quiz()], wheel=a_wheel())
    chat = Chat(arcade.shop, sentences, await arcade.shop.member(), language)
    said = [await chat.begins("quiz")]
    while chat.saved is not None:
        said.append(await chat.answers(said[-1].choices[0].title))
    said += [await chat.begins("wheel"), await chat.taps("spin")]
    assert len(said) == 6
    for message in said:
        assert not regex.search(r"\{|\}|None|quiz\.|wheel\.", message.text), message.text
        assert language != "ar" or regex.search(r"\p{Arabic}", message.text)


async def test_a_language_that_changes_in_the_middle_changes_the_quiz(arcade: Arcade, sentences: Sentences) -> None:
    texts = {language: f"Question in {language}?" for language in LANGUAGES}
    answers = [dict.fromkeys(LANGUAGES, sign) for sign in "ABC"]
    questions = [{"text": texts, "answers": answers, "right": 1}] * 2
    await arcade.puts_up(quizzes=[a_quiz(questions=questions)])
    chat = Chat(arcade.shop, sentences, await arcade.shop.member())
    assert "Question in en?" in (await chat.begins("quiz")).text
    chat.language = "it"
    second = await chat.answers("A")
    assert second.text == "✅ Esatto! +5\n\n*Domanda 2 di 2*\nQuestion in it?"


async def test_an_answer_that_is_given_twice_at_once_counts_and_pays_once(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()])
    shop, member = arcade.shop, await arcade.shop.member()
    first, second = Chat(shop, sentences, member), Chat(shop, sentences, member)
    await asyncio.gather(first.begins("quiz"), second.begins("quiz"))
    for number, title in enumerate(BUTTONS, 1):
        await asyncio.gather(first.answers(title), second.taps("answer", question=number, answer=number))
    assert (await shop.points(member)).available == 25
    assert await arcade.vouchers(member) == ["espresso"]
    assert await shop.is_sound()


async def test_an_answer_given_elsewhere_moves_the_quiz_on(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()])
    member = await arcade.shop.member()
    here, there = (Chat(arcade.shop, sentences, member) for _ in range(2))
    await here.begins("quiz")
    await there.begins("quiz")
    await there.answers("B")
    assert (await here.answers("A")).text == "*Question 2 of 3*\nQuestion 2?", "the first answer stands"
    await there.answers("B")
    await there.answers("C")
    assert "You got 2 of 3 right." in (await here.answers("C")).text


async def test_the_last_answer_that_fails_anywhere_leaves_nothing_and_then_pays_once(
    arcade: Arcade, sentences: Sentences
) -> None:
    await arcade.puts_up(quizzes=[a_quiz()])
    shop, member = arcade.shop, await arcade.shop.member()
    chat = Chat(shop, sentences, member)
    await chat.begins("quiz")
    await chat.answers("A")
    await chat.answers("B")

    async def look() -> object:
        return await shop.points(member), await arcade.vouchers(member)

    flowed = await fail_everywhere(shop, chat.tapping("answer", question=3, answer=3), look)
    assert "3 of 3" in flowed.message.text
    assert (await shop.points(member)).available == 25
    assert await shop.is_sound()


# ---- the wheel


async def test_a_spin_takes_two_messages_and_can_be_checked(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(wheel=a_wheel(spins={"every": "week"}))
    shop, member = arcade.shop, await arcade.shop.member()
    chat = Chat(shop, sentences, member)
    offer = await chat.begins("wheel")
    assert offer.text.startswith(
        "🎡 *Wheel*\nYour chances:\n• Coffee: 3 in 10\n• Nothing: 1 in 2\n• Voucher: 3 in 20\n"
        "• Mug: 1 in 20 (3 left, then Coffee)\n\nOur promise, fixed before you spin:\n```"
    )
    assert titles(offer) == ["Spin 🎡", "Not now"]
    promise = regex.search(r"```(\w{64})```", offer.text)
    result = await chat.taps("word", text="  buona   fortuna ")
    seed = regex.search(r"```(\w{64})```", result.text)
    assert promise is not None
    assert seed is not None
    assert result.text.startswith("🎡 The wheel stops at")
    assert "Your next spin: from November 23, 2026." in result.text
    row = await shop.ask(lambda session: session.scalars(select(Spin)).one())
    fields = [Field("coffee", 300), Field("nothing", 500), Field("voucher", 150), Field("mug", 50)]
    assert row.nonce == "buona fortuna"
    assert verify(
        spin=row.id, commitment=promise[1], seed=seed[1], nonce="buona fortuna", fields=fields, prize=str(row.drawn)
    )
    how = await asks_how(shop, sentences, member)
    for piece in (promise[1], seed[1], f"{row.id}:buona fortuna", "1,000", "0–299: Coffee"):
        assert piece in how


async def asks_how(shop: Shop, sentences: Sentences, member: MemberId, language: Language = "en") -> str:
    """What she reads who taps "How to check"."""

    def ask(session: Session) -> str:
        inquiry = Inquiry(shop.programme, member, language, "spin_wheel", {"about": "proof"}, "wamid.1")
        found = about.spin(Question(session, inquiry, sentences, "http://localhost", shop.now))
        assert isinstance(found, Message)
        return found.text

    return await shop.ask(ask)


async def test_a_tap_is_a_spin_whose_own_part_is_the_tap(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(wheel=a_wheel())
    shop, member = arcade.shop, await arcade.shop.member()
    chat = Chat(shop, sentences, member)
    await chat.begins("wheel")
    await chat.taps("spin")
    row = await shop.ask(lambda session: session.scalars(select(Spin)).one())
    assert row.nonce == "wamid.HBgMMzkzMzMxMjM0NTY3"[-32:]
    for language in LANGUAGES:
        assert len(await asks_how(shop, sentences, member, language)) <= 1024


async def test_without_chance_the_order_is_told_and_there_is_no_proof(arcade: Arcade, sentences: Sentences) -> None:
    sure = (prize("coffee", 2, gift={"points": 20}), prize("tea", 1, gift={"points": 1}))
    await arcade.puts_up(wheel=a_wheel(*sure, chance=False, spins={"count": 2, "every": "ever"}))
    shop, member = arcade.shop, await arcade.shop.member()
    chat = Chat(shop, sentences, member)
    offer = await chat.begins("wheel")
    assert offer.text.endswith("• Coffee: 2 ×\n• Tea: 1 ×")
    result = await chat.taps("spin")
    assert result.text == (
        "🎡 The wheel stops at: *Coffee*!\n\nThat's *20 points* for you: you now have 20 points.\n\n"
        "You can spin again, if you like."
    )
    await chat.begins("wheel")
    assert "again" not in (await chat.taps("spin")).text
    assert (await chat.begins("wheel")).text.startswith("You've spun the wheel as often as possible.")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"dates": {"until": "2026-01-31"}}, "The wheel can't be spun today. Your points get you rewards any day:"),
        ({"dates": {"from": "2026-12-24"}}, "The wheel can be spun from December 24, 2026."),
        ({"price": 5}, "For a spin you need 5 points more."),
    ],
)
async def test_a_wheel_that_cannot_be_spun_says_what_can_be_done(
    arcade: Arcade, sentences: Sentences, more: dict[str, object], said: str
) -> None:
    await arcade.puts_up(wheel=a_wheel(**more))
    chat = Chat(arcade.shop, sentences, await arcade.shop.member())
    assert (await chat.begins("wheel")).text == said
    assert chat.saved is None


async def test_a_wheel_that_changed_is_shown_anew_before_anything_is_drawn(
    arcade: Arcade, sentences: Sentences
) -> None:
    await arcade.puts_up(wheel=a_wheel(price=1))
    shop, member = arcade.shop, await arcade.shop.member()
    await shop.buys(member, "10.00")
    chat = Chat(shop, sentences, member)
    await chat.begins("wheel")
    await arcade.puts_up(wheel=a_wheel(price=2))
    again = await chat.taps("spin")
    assert again.text.startswith("The wheel has changed in the meantime.")
    assert await arcade.drawn() == 0
    assert (await chat.taps("spin")).text.startswith("🎡")
    assert await arcade.drawn() == 1


async def test_two_taps_at_once_are_one_spin(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(wheel=a_wheel(prize("coffee", 1, gift={"points": 20}), prize("tea", 1, gift={"points": 20})))
    shop, member = arcade.shop, await arcade.shop.member()
    chat = Chat(shop, sentences, member)
    await chat.begins("wheel")
    one, two = await asyncio.gather(shop.do(chat.tapping("spin")), shop.do(chat.tapping("spin")))
    assert one.message.text == two.message.text
    assert await arcade.drawn() == 1
    assert (await shop.points(member)).available == 20


async def test_a_spin_that_fails_anywhere_leaves_nothing_and_then_pays_once(
    arcade: Arcade, sentences: Sentences
) -> None:
    await arcade.puts_up(wheel=a_wheel(prize("coffee", 1, gift={"points": 20}), prize("tea", 1, gift={"points": 20})))
    shop, member = arcade.shop, await arcade.shop.member()
    chat = Chat(shop, sentences, member)
    await chat.begins("wheel")

    async def look() -> object:
        return await shop.points(member), await arcade.drawn()

    await fail_everywhere(shop, chat.tapping("spin"), look)
    assert (await shop.points(member)).available == 20
    assert await arcade.drawn() == 1
    assert await shop.is_sound()


async def test_where_there_are_no_games_something_else_is_offered(shop: Shop, sentences: Sentences) -> None:
    member = await shop.member()

    def ask(session: Session) -> list[object]:
        inquiry = Inquiry(shop.programme, member, "en", "", {}, "wamid.1")
        question = Question(session, inquiry, sentences, "http://localhost", shop.now)
        return [about.quiz(question), about.spin(question)]

    quiz, wheel = await shop.ask(ask)
    assert isinstance(quiz, Message)
    assert isinstance(wheel, Message)
    assert intents(quiz) == ["how_to_earn", "list_rewards"]
    assert intents(wheel) == ["list_rewards", "how_to_earn"]


async def test_where_there_are_games_they_begin(arcade: Arcade, sentences: Sentences) -> None:
    await arcade.puts_up(quizzes=[a_quiz()], wheel=a_wheel())
    shop, member = arcade.shop, await arcade.shop.member()

    def ask(session: Session) -> list[object]:
        inquiry = Inquiry(shop.programme, member, "en", "", {"about": "proof"}, "wamid.1")
        question = Question(session, inquiry, sentences, "http://localhost", shop.now)
        return [about.quiz(question), about.spin(question)]

    assert await shop.ask(ask) == [Command("start", {"flow": "quiz"}), Command("start", {"flow": "wheel"})]


# ---- the leaderboards


async def consents(shop: Shop, member: MemberId) -> list[tuple[bool, str, str]]:
    query = select(Consent).where(Consent.member_id == member, Consent.purpose == "leaderboard").order_by(Consent.id)
    return await shop.ask(lambda session: [(one.given, one.words, one.evidence) for one in session.scalars(query)])


async def test_taking_part_and_leaving_are_one_tap_each_and_her_words_are_kept(
    store: Store, clock: FixedClock, sentences: Sentences
) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 12:00")
    member, other = await gym.member(), await gym.member()
    await takes_part(gym, other)
    for who in (member, other):
        await gym.does(who, "class_attended")
    chat = Chat(gym, sentences, member)
    seen = await chat.begins("leaderboard")
    assert titles(seen)[0] == "Take part"
    assert "(you)" not in seen.text
    entered = await chat.taps("enter")
    assert regex.match(r"You're on it, as \u2068.+\u2069! 🎉\n\n", entered.text)
    assert "(you)" in entered.text
    assert titles(entered)[0] == "Stop taking part"
    left = await chat.taps("withdraw")
    assert left.text.startswith("Done: you're off the leaderboards")
    assert "(you)" not in (await chat.begins("leaderboard")).text
    (given, said, evidence), (taken, words, _) = await consents(gym, member)
    assert (given, taken) == (True, False)
    assert said == f"{sentences.say('en', 'board.consent')} Take part"
    assert words == "Stop taking part"
    assert evidence.startswith("wamid.")


async def test_who_takes_part_twice_at_once_has_one_name(store: Store, clock: FixedClock, sentences: Sentences) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 12:00")
    member = await gym.member()
    chat = Chat(gym, sentences, member)
    await chat.begins("leaderboard")
    await asyncio.gather(gym.do(chat.tapping("enter")), gym.do(chat.tapping("enter")))
    assert len(await consents(gym, member)) == 1


async def test_of_several_boards_one_is_chosen(shop: Shop, sentences: Sentences) -> None:
    await aims(shop, leaderboards=[a_goal("visits", size=3), a_goal("friends", "referrals")])
    chat = Chat(shop, sentences, await shop.member())
    assert titles(await chat.begins("leaderboard")) == ["Visits", "Friends"]
    assert (await chat.answers("Friends")).text.startswith("*Friends*")
    assert titles(await chat.answers("Other boards")) == ["Visits", "Friends"]
