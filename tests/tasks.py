"""What customers do with the bot, as few steps as it takes: each task is played on a real store and counted.

WhatsApp bills messages that are sent, so there is a limit for each task.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from conversation.arriving.incoming import Incoming, Tap, Text
from conversation.messages.contents import Media
from loyalty.clock import FixedClock
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref
from loyalty.programme import Programme
from loyalty.store import Store
from loyalty.tables import Member
from tests.store.helpers import Shop
from tests.store.talking import Customer
from tests.walks.playground import playgrounds

QUESTIONS, POINTS = 10, 100
_MEANINGS = {
    "points?": "check_points", "rewards": "list_rewards", "my codes": "my_vouchers", "my link": "get_referral_link",
    "play": "play_quiz", "wheel": "spin_wheel", "hi": "greet", "points are missing": "missing_points",
    "my data": "export_my_data", "forget me": "delete_my_data", "a person please": "talk_to_human",
    "history": "points_history", "my level": "check_tier", "badges": "show_badges", "what suits me": "suggest_reward",
    "ranking": "show_leaderboard", "a friend's code": "enter_referral_code", "no more offers please": "opt_out",
    "another language": "change_language", "challenges": "list_challenges", "when do they expire": "points_expiry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effort:
    """What a task took: messages sent to the customer, her taps, the words she typed, the pictures she sent."""

    messages: int
    taps: int
    words: int
    pictures: int = 0


class Player(Customer):
    """A customer whose messages are counted."""

    def __init__(self, shop: Shop, phone: str) -> None:
        super().__init__(shop, _MEANINGS, phone)
        self.effort = Effort(0, 0, 0)

    async def sends(self, incoming: Incoming) -> str:
        self.said = []
        text = await super().sends(incoming)
        taps, words, pictures = self.effort.taps, self.effort.words, self.effort.pictures
        match incoming.content:
            case Tap():
                taps += 1
            case Text(typed):
                words += len(typed.split())
            case _:
                pictures += 1
        self.effort = Effort(self.effort.messages + len(self.said), taps, words, pictures)
        return text

    async def takes_first(self) -> None:
        """She taps the first choice."""
        await self.taps(self.titles[0])

    async def photographs(self) -> None:
        """She sends a picture."""
        picture = Media("image", "media-1", "image/jpeg", self.phone)
        await self.sends(replace(self.message(Text("")), content=picture))


@dataclass(frozen=True, slots=True)
class Task:
    """Something a customer wants, how she gets it, and how many messages it may take."""

    name: str
    most: int
    play: Callable[[Player], Awaitable[None]]
    joined: bool = True

    def playing(self, play: Callable[[Player], Awaitable[None]]) -> "Task":
        """The same customer, who does something else."""
        return replace(self, play=play)


async def _balance(anna: Player) -> None:
    assert "You have" in await anna.types("points?")


async def _redemption(anna: Player) -> None:
    await anna.types("rewards")
    await anna.taps("Espresso")
    assert "Your code" in await anna.taps("Yes, please")


async def _named(anna: Player) -> None:
    await anna.types("espresso")
    assert "Your code" in await anna.taps("Yes, please")


async def _voucher(anna: Player) -> None:
    await _redemption(anna)
    anna.effort = Effort(0, 0, 0)
    assert "Show this message" in await anna.types("my codes")


async def _link(anna: Player) -> None:
    assert "https://" in await anna.types("my link")


async def _code(anna: Player) -> None:
    friend = await anna.shop.member()
    code = await anna.shop.ask(lambda session: session.get_one(Member, friend).referral_code)
    await anna.types("a friend's code")
    assert "who brought you" in await anna.types(code)


async def _quiz(anna: Player) -> None:
    await anna.types("play")
    for _ in range(QUESTIONS):
        await anna.takes_first()
    assert "of 10" in anna.said[-1]["text"]


async def _spin(anna: Player) -> None:
    await anna.types("wheel")
    assert "stops at" in await anna.taps("Spin 🎡")


async def _enrolment(anna: Player) -> None:
    await anna.types("hi")
    await anna.taps("Join")
    while "All set" not in anna.said[-1]["text"]:
        await anna.taps(anna.titles[-1])


async def _claim(anna: Player) -> None:
    await anna.types("points are missing")
    await anna.taps("Today")
    await anna.types("the shop by the station")
    await anna.types("12.50")
    await anna.photographs()
    assert "Thank you" in anna.said[-1]["text"]


async def _claim_by_picture(anna: Player) -> None:
    await anna.types("points are missing")
    await anna.photographs()
    assert "Thank you" in anna.said[-1]["text"]


async def _survey(anna: Player) -> None:
    await anna.types("survey")
    await anna.taps("Tea")
    await anna.types("apple cake")
    assert "Thank you" in await anna.taps("Yes, please")


async def _export(anna: Player) -> None:
    assert "everything we know" in await anna.types("my data")


async def _erasure(anna: Player) -> None:
    await anna.types("forget me")
    await anna.taps("Delete…")
    assert "Done" in await anna.taps("Delete for good")


async def _handover(anna: Player) -> None:
    assert "told our team" in await anna.types("a person please")


async def _and_back(anna: Player) -> None:
    await anna.types("a person please")
    assert "I'm back" in await anna.types("bot")


async def _board(anna: Player) -> None:
    await anna.types("ranking")
    await anna.takes_first()
    assert "You're on it" in await anna.taps("Take part")


async def _language(anna: Player) -> None:
    await anna.types("another language")
    assert "español" in await anna.taps("Español")


async def _name(anna: Player) -> None:
    await anna.types("my profile")
    await anna.taps("Change name")
    assert "Nice to meet you" in await anna.types("Annabel")


def _asks(words: str) -> Callable[[Player], Awaitable[None]]:
    async def play(anna: Player) -> None:
        assert await anna.types(words)

    return play


TASKS = (
    Task("how many points I have", 1, _balance),
    Task("what happened to my points", 1, _asks("history")),
    Task("when they expire", 1, _asks("when do they expire")),
    Task("what suits me", 1, _asks("what suits me")),
    Task("a reward, from the list", 4, _redemption),
    Task("a reward, by its name", 4, _named),
    Task("a code, with its picture", 1, _voucher),
    Task("my referral link", 1, _link),
    Task("a friend's code entered", 2, _code, joined=False),
    Task("a quiz of ten questions", 11, _quiz),
    Task("a spin of the wheel", 2, _spin),
    Task("my level", 1, _asks("my level")),
    Task("my badges", 1, _asks("badges")),
    Task("what I can reach", 1, _asks("challenges")),
    Task("a place on a leaderboard", 3, _board),
    Task("joining, with every question skipped", 4, _enrolment, joined=False),
    Task("missing points, step by step", 6, _claim),
    Task("missing points, by a picture", 2, _claim_by_picture),
    Task("a survey of three questions", 4, _survey),
    Task("my data as a document", 1, _export),
    Task("being forgotten", 3, _erasure),
    Task("a person", 1, _handover),
    Task("a person, and back to the bot", 2, _and_back),
    Task("another language", 2, _language),
    Task("another name", 3, _name),
    Task("no more offers", 1, _asks("no more offers please")),
)


def programme() -> Programme:
    """A programme in which every task can be done."""
    every = playgrounds()[0]
    quiz = every.games.quizzes[0]
    ten = quiz.model_copy(
        update={
            "id": "ten", "name": dict.fromkeys(quiz.name, "Ten questions"),
            "questions": (quiz.questions * QUESTIONS)[:QUESTIONS],
        }
    )  # fmt: skip
    games = every.games.model_copy(update={"quizzes": (ten,)})
    return every.model_copy(update={"games": games, "language": "en"})


async def play(task: Task, store: Store, clock: FixedClock, rules: Programme, number: int) -> Effort:
    """Play a task with a customer of her own, and count."""
    shop = Shop(store, rules, clock)
    phone = f"39331{number:07}"
    if task.joined:
        row = ImportRow(Ref.phone(f"+{phone}"), "Anna", "en", "", POINTS)
        await shop.do(lambda session: import_row(session, rules, row, now=shop.now))
    anna = Player(shop, phone)
    await task.play(anna)
    return anna.effort
