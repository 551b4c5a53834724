"""What the chat says of challenges, milestones, streaks and leaderboards, in five languages."""

from decimal import Decimal
from pathlib import Path

import pytest
import regex
from sqlalchemy.orm import Session

from actions import levels as about
from actions import points as about_points
from conversation.messages.layout import WHATSAPP, units
from conversation.saying import wording
from conversation.saying.sentences import Sentences
from loyalty.books.points import Books
from loyalty.books.posting import EARNING
from loyalty.clock import FixedClock
from loyalty.ids import Cause, MemberId
from loyalty.programme import LANGUAGES, Language
from loyalty.store import Store
from loyalty.tables import Member
from tests.store.asking import ASKED, board_name, message, takes_part, text
from tests.store.goals import a_goal, aims
from tests.store.helpers import Shop
from tests.store.ready_made import Business, business
from tests.store.referring import Club


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


# ---- challenges, milestones, streaks


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("What you can reach right now:\n\n*Three purchases this month*\n▰▰▰▰▱▱ 2 of 3\n"
               "Until November 30, 2026\n🎁 50 points\n\n*Two friends in a month*\n▱▱▱▱▱▱ 0 of 2\n"
               "Until November 30, 2026\n🎁 Rose lip balm\n\n*A review in each of three months*\n▰▰▱▱▱▱ 1 of 3\n"
               "To keep it going: once more by December 31, 2026\n🎁 60 points")),
        ("it", ("Cosa puoi raggiungere adesso:\n\n*Tre acquisti questo mese*\n▰▰▰▰▱▱ 2 di 3\n"
               "Fino al 30 novembre 2026\n🎁 50 punti\n\n…")),
        ("es", ("Lo que puedes conseguir ahora:\n\n*Tres compras este mes*\n▰▰▰▰▱▱ 2 de 3\n"
               "Hasta el 30 de noviembre de 2026\n🎁 50 puntos\n\n…")),
        ("fr", ("Ce que vous pouvez atteindre en ce moment\xa0:\n\n*Trois achats ce mois-ci*\n▰▰▰▰▱▱ 2 sur 3\n"
               "Jusqu’au 30 novembre 2026\n🎁 50 points\n\n…")),
        ("ar", ("ما يمكنك تحقيقه الآن:\n\n*ثلاث مشتريات هذا الشهر*\n▰▰▰▰▱▱ 2 من 3\n"
               "حتى 30 نوفمبر 2026\n🎁 50 نقطة\n\n…")),
    ],
)  # fmt: skip
async def test_challenges_and_streaks_with_their_progress(
    store: Store, clock: FixedClock, sentences: Sentences, language: Language, said: str
) -> None:
    rosa = await business(store, clock, "beauty", at="2026-11-02 12:00")
    anna = await rosa.member()
    await rosa.does(anna, "review")
    for _ in range(2):
        await rosa.buys(anna, "60.00")
    found = await text(rosa, sentences, anna, about.challenges, language)
    assert found.startswith(said.removesuffix("…")) if said.endswith("…") else found == said


async def test_what_is_done_is_marked_and_milestones_go_on(
    store: Store, clock: FixedClock, sentences: Sentences
) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 12:00")
    anna = await gym.member()
    for _ in range(12):
        await gym.does(anna, "class_attended")
    assert (await text(gym, sentences, anna, about.challenges)).split("\n\n")[1:] == [
        "✅ *Twelve classes in a month*: done!",
        "*A session for every 25 classes*\n▰▰▰▰▱▱▱▱▱▱ 12 of 25\n🎁 Personal training",
        (
            "*A class in each of four weeks*\n▰▰▱▱▱▱▱▱ 1 of 4\nTo keep it going: once more by November 15, 2026\n"
            "🎁 50 points"
        ),
    ]


async def test_a_challenge_in_money_stays_money_and_a_gift_may_be_two_things(shop: Shop, sentences: Sentences) -> None:
    gift = {"points": 5, "reward": "espresso"}
    await aims(
        shop,
        challenges=[a_goal("spender", "spend", target=100, each="week", gift=gift)],
        streaks=[a_goal("daily", "spend", unit="day", length=5)],
    )
    member = await shop.member()
    await shop.buys(member, "40.90")
    assert (await text(shop, sentences, member, about.challenges)).split("\n\n")[1:] == [
        "*Spender*\n▰▰▰▰▱▱▱▱▱▱ €40 of €100\nUntil November 22, 2026\n🎁 5 points + Espresso",
        "*Daily*\n▰▱▱▱▱ 1 of 5\nTo keep it going: once more by November 22, 2026",
    ]


@pytest.mark.parametrize(
    ("have", "need", "drawn"),
    [
        (0, 1, "▱▱▱▱▱"), (1, 1, "▰▰▰▰▰"), (1, 2, "▰▰▰▱▱▱"), (2, 3, "▰▰▰▰▱▱"), (3, 4, "▰▰▰▰▰▰▱▱"),
        (3, 7, "▰▰▰▱▱▱▱"), (9, 10, "▰▰▰▰▰▰▰▰▰▱"), (99, 100, "▰▰▰▰▰▰▰▰▰▱"), (120, 100, "▰▰▰▰▰▰▰▰▰▰"),
    ],
)  # fmt: skip
def test_a_bar_has_five_to_ten_blocks_and_is_full_when_nothing_is_missing(have: int, need: int, drawn: str) -> None:
    assert wording.bar(have, need) == drawn


# ---- leaderboards


async def at_the_gym(store: Store, clock: FixedClock, *classes: int) -> tuple[Business, list[MemberId]]:
    gym = await business(store, clock, "gym", at="2026-11-02 12:00")
    members = [await gym.member() for _ in classes]
    for number, (member, count) in enumerate(zip(members, classes, strict=True)):

        def call(session: Session, member: MemberId = member, number: int = number) -> None:
            session.get_one(Member, member).name = f"Giulia{number}"

        await gym.do(call)
        await takes_part(gym, member)
        for _ in range(count):
            await gym.does(member, "class_attended")
    return gym, members


@pytest.mark.parametrize("language", LANGUAGES)
async def test_places_have_invented_names_and_hers_is_marked(
    store: Store, clock: FixedClock, sentences: Sentences, language: Language
) -> None:
    gym, (first, second, third) = await at_the_gym(store, clock, 3, 2, 2)
    names = [await board_name(gym, one) for one in (first, second, third)]
    said = await text(gym, sentences, second, about.leaderboard, language)
    lines = said.splitlines()
    assert [line for line in lines if "👉" in line] == [line for line in lines if names[1] in line]
    assert all(any(f"\u2068{name}\u2069" in line for line in lines) for name in names)
    activity = gym.programme.earning.activities["class_attended"].name[language]
    assert len([line for line in lines if f" × {activity}" in line or f" × \u2068{activity}\u2069" in line]) == 3
    assert "Giulia" not in said
    consent = sentences.say(language, "board.consent")
    assert consent not in said
    curious = await gym.member()
    asked = await text(gym, sentences, curious, about.leaderboard, language)
    assert "👉" not in asked
    assert asked.splitlines()[-1] == consent


async def test_the_board_as_a_customer_reads_it(store: Store, clock: FixedClock, sentences: Sentences) -> None:
    gym, (first, second) = await at_the_gym(store, clock, 2, 1)
    one, two = [await board_name(gym, who) for who in (first, second)]
    assert await text(gym, sentences, first, about.leaderboard) == (
        f"*Classes this month*\nUntil November 30, 2026\n👉 1. \u2068{one}\u2069 (you): 2 × A class\n"
        f"2. \u2068{two}\u2069: 1 × A class"
    )


async def test_an_empty_board_and_who_takes_part_without_a_place(
    store: Store, clock: FixedClock, sentences: Sentences
) -> None:
    rotta = await business(store, clock, "travel")
    anna = await rotta.member()
    assert "Nobody has a place yet." in (await text(rotta, sentences, anna, about.leaderboard)).splitlines()
    name = await takes_part(rotta, anna)
    said = await text(rotta, sentences, anna, about.leaderboard)
    assert f"You take part as \u2068{name}\u2069" in said
    assert sentences.say("en", "board.consent") not in said


async def test_who_is_further_down_sees_her_neighbours(shop: Shop, sentences: Sentences) -> None:
    await aims(shop, leaderboards=[a_goal("visits", size=3)])
    members = [await shop.member() for _ in range(8)]
    for number, member in enumerate(members):
        await takes_part(shop, member)
        for _ in range(8 - number):
            await shop.buys(member, "1.00")
    ranks = regex.compile(r"^(?:👉 )?(\d)\.", regex.MULTILINE)
    assert ranks.findall(await text(shop, sentences, members[6], about.leaderboard)) == list("1235678")
    assert ranks.findall(await text(shop, sentences, members[3], about.leaderboard)) == list("123456")
    assert ranks.findall(await text(shop, sentences, members[1], about.leaderboard)) == list("123")
    assert "\n…\n5. " in await text(shop, sentences, members[6], about.leaderboard)


# ---- all of it


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["mealbox", "beauty", "gym", "travel"])
async def test_every_answer_is_one_message_that_whatsapp_shows_whole(
    store: Store, clock: FixedClock, sentences: Sentences, name: str, language: Language
) -> None:
    some = await business(store, clock, name)
    club, anna = Club(some), await some.member()
    await club.brings(anna, await some.member())
    await some.buys(anna, Decimal("75.00"))
    for activity in some.programme.earning.activities:
        await some.does(anna, activity)
    for answering in ASKED.values():
        said = await message(some, sentences, anna, answering, language)
        assert units(said.text) <= WHATSAPP.body
        assert 2 <= len(said.choices) <= WHATSAPP.buttons
        assert all(units(choice.title) <= WHATSAPP.button_title for choice in said.choices)
        if language == "ar":
            assert all(regex.search(r"\p{Arabic}|^$|…", line) for line in said.text.splitlines()), said.text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_history_says_what_games_and_goals_brought(
    shop: Shop, sentences: Sentences, language: Language
) -> None:
    member = await shop.member()
    kinds = ("game", "goal", "correction")
    assert set(kinds) <= EARNING

    def give(books: Books) -> None:
        for kind in kinds:
            cause = Cause(f"test:{kind}")
            books.adjust(5, cause=cause, kind=kind, origin=cause, expires_at=None, allow_debt=False, memo={})

    await shop.in_books(member, give)
    said = await text(shop, sentences, member, about_points.history, language)
    assert all(sentences.say(language, f"history.{kind}") in said for kind in kinds)
