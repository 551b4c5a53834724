"""What the chat says of levels and badges, and where there are none, in five languages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions import levels as about
from conversation.saying.sentences import Sentences
from loyalty.clock import FixedClock
from loyalty.programme import LANGUAGES, Language
from loyalty.store import Store
from tests.store.asking import ASKED, buttons, message, text
from tests.store.goals import DAY, a_goal, aims, levels, subscribes
from tests.store.helpers import Shop
from tests.store.ready_made import business


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    return Sentences.load(Path(__file__).parents[2] / "data" / "responses")


# ---- nothing to show


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_programme_without_them_says_so(shop: Shop, sentences: Sentences, language: Language) -> None:
    await aims(shop)
    for member in (await shop.member(), await shop.member(joined=False)):
        for intent, answering in ASKED.items():
            said = await message(shop, sentences, member, answering, language)
            assert said.text == sentences.say(language, f"utter_{intent}")
            assert len(buttons(said)) == 2


async def test_where_there_is_nothing_the_buttons_lead_on(shop: Shop, sentences: Sentences) -> None:
    await aims(shop)
    member = await shop.member()
    led = {intent: buttons(await message(shop, sentences, member, asked)) for intent, asked in ASKED.items()}
    assert led == {
        "check_tier": ["check_points", "list_rewards"],
        "show_badges": ["check_points", "points_history"],
        "list_challenges": ["how_to_earn", "get_referral_link"],
        "show_leaderboard": ["check_points", "get_referral_link"],
    }


async def test_a_challenge_that_does_not_run_is_none(shop: Shop, sentences: Sentences) -> None:
    await aims(shop, challenges=[a_goal("summer", target=2, dates={"until": "2026-08-31"})])
    said = await message(shop, sentences, await shop.member(), about.challenges)
    assert said.text.startswith("There's no challenge on at the moment.")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_has_not_joined_is_asked_to(
    store: Store, clock: FixedClock, sentences: Sentences, language: Language
) -> None:
    rosa = await business(store, clock, "beauty")
    guest = await rosa.member(joined=False)
    said = [await message(rosa, sentences, guest, answering, language) for answering in ASKED.values()]
    assert all("Rosa Beauty" in one.text and buttons(one) == ["join_program", "how_to_earn"] for one in said)
    assert len({one.text for one in said}) == len(ASKED)


# ---- levels


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Your level: *Silver spoon*.\n• 1.2 times the usual points on your purchases\n"
               "• Choose dishes two days longer\n8 months to go to *Golden spoon*.\n▰▰▰▱▱▱▱▱▱▱ 4 of 12")),
        ("it", ("Il tuo livello: *Cucchiaio d’argento*.\n• 1,2 volte i soliti punti sui tuoi acquisti\n"
               "• Scegli i piatti fino a due giorni dopo\nAncora 8 mesi per arrivare a *Cucchiaio d’oro*.\n"
               "▰▰▰▱▱▱▱▱▱▱ 4 di 12")),
        ("es", ("Tu nivel: *Cuchara de plata*.\n• 1,2 veces los puntos habituales en tus compras\n"
               "• Dos días más para elegir platos\nEstás a 8 meses de *Cuchara de oro*.\n▰▰▰▱▱▱▱▱▱▱ 4 de 12")),
        ("fr", ("Votre niveau\xa0: *Cuillère d’argent*.\n• 1,2 fois les points habituels sur vos achats\n"
               "• Deux jours de plus pour choisir vos plats\nPlus que 8 mois avant *Cuillère d’or*.\n"
               "▰▰▰▱▱▱▱▱▱▱ 4 sur 12")),
        ("ar", ("مستواك: *ملعقة فضية*.\n• نقاط مشترياتك مضروبة في 1.2\n• يومان إضافيان لاختيار الأطباق\n"
               "المتبقي للوصول إلى *ملعقة ذهبية*: 8 أشهر.\n▰▰▰▱▱▱▱▱▱▱ 4 من 12")),
    ],
)  # fmt: skip
async def test_a_level_by_subscription_months(
    store: Store, clock: FixedClock, sentences: Sentences, language: Language, said: str
) -> None:
    box = await business(store, clock, "mealbox", at="2026-11-21 12:00")
    anna = await box.member()
    await subscribes(box, anna, "box", datetime(2026, 7, 10, 12, tzinfo=UTC))
    assert await text(box, sentences, anna, about.tier, language) == said


async def test_levels_of_the_meal_boxes_from_the_first_to_the_last(
    store: Store, clock: FixedClock, sentences: Sentences
) -> None:
    box = await business(store, clock, "mealbox", at="2026-11-21 12:00")
    anna = await box.member()
    said = await message(box, sentences, anna, about.tier)
    assert said.text == "Your level: *Fresh*.\n3 months to go to *Silver spoon*."
    assert buttons(said) == ["list_challenges", "check_points", "list_rewards"]
    begun = datetime(2026, 8, 22, 12, tzinfo=UTC)
    await subscribes(box, anna, "box", begun)
    assert (await text(box, sentences, anna, about.tier)).endswith("1 month to go to *Silver spoon*.\n▰▰▰▰▱▱ 2 of 3")
    await box.days_later(370)
    said = await message(box, sentences, anna, about.tier)
    assert said.text.splitlines() == [
        "Your level: *Golden spoon*.", "• 1.5 times the usual points on your purchases", "• Free delivery",
        "• First look at new recipes", "That's the highest one: nothing is missing! 🎉",
    ]  # fmt: skip
    await subscribes(box, anna, "box", begun, box.now - DAY)
    grace = await text(box, sentences, anna, about.tier)
    until = (box.now - DAY + 45 * DAY).astimezone(box.programme.zone).date()
    assert grace.endswith(f"You keep it until {until:%B} {until.day}, {until.year}.")
    await box.days_later(50)
    assert (await text(box, sentences, anna, about.tier)).startswith("Your level: *Fresh*.")


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("orders", "2 orders to go to *Silver*."),
        ("spend", "€2 to go to *Silver*."),
        ("points", "2 points to go to *Silver*."),
        ("referrals", "2 friends to go to *Silver*."),
        ("quizzes", "2 quizzes to go to *Silver*."),
        ("subscription_months", "2 months to go to *Silver*."),
        ("activity:review", "2 × A review to go to *Silver*."),
    ],
)
async def test_who_has_no_level_reads_what_the_first_one_takes_and_brings(
    shop: Shop, sentences: Sentences, measure: str, said: str
) -> None:
    named = shop.programme.earning.activities["review"].name["en"]
    tiers = levels(measure, starts={"silver": 2, "gold": 5})
    tiers["levels"][0] |= {"factor": "2", "benefits": [dict.fromkeys(LANGUAGES, "A chair by the window")]}
    await aims(shop, tiers=tiers)
    assert await text(shop, sentences, await shop.member(), about.tier) == "\n".join(
        [
            "You have no level yet.", said.replace("A review", named), "With it you get:",
            "• 2 times the usual points on your purchases", "• A chair by the window",
        ]
    )  # fmt: skip


async def test_a_level_in_grace_says_until_when_and_what_keeps_it(shop: Shop, sentences: Sentences) -> None:
    tiers = levels("orders", starts={"silver": 1, "gold": 2}, months=1, grace_days=10)
    await aims(shop, tiers=tiers)
    member = await shop.member()
    await shop.buys(member, "5.00")
    assert await text(shop, sentences, member, about.tier) == (
        "Your level: *Silver*.\n1 order to go to *Gold*.\n▰▰▰▱▱▱ 1 of 2"
    )
    await shop.buys(member, "5.00")
    assert "highest" in await text(shop, sentences, member, about.tier)
    shop.clock.forward(timedelta(days=32))
    assert await text(shop, sentences, member, about.tier) == (
        "Your level: *Gold*.\nYou keep it until December 31, 2026.\nTo keep it after that: 2 orders more."
    )
    shop.clock.forward(timedelta(days=10))
    assert await text(shop, sentences, member, about.tier) == "You have no level yet.\n1 order to go to *Silver*."


# ---- badges


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Your badges:\n📸 Photographer\n\nStill to get:\n"
               "✍️ Critic: 3 × A review to go\n🌹 Ambassador: 3 friends to go")),
        ("it", ("I tuoi badge:\n📸 Fotografa\n\nAncora da conquistare:\n"
               "✍️ Critica: ancora 3 × Una recensione\n🌹 Ambasciatrice: ancora 3 amici")),
        ("es", ("Tus insignias:\n📸 Fotógrafa\n\nPor conseguir:\n"
               "✍️ Crítica: estás a 3 × Una reseña\n🌹 Embajadora: estás a 3 amigos")),
        ("fr", ("Vos badges\xa0:\n📸 Photographe\n\nEncore à obtenir\xa0:\n"
               "✍️ Critique\xa0: plus que 3 × Un avis\n🌹 Ambassadrice\xa0: plus que 3 amis")),
        ("ar", ("شاراتك:\n📸 مصوّر\n\nما زال بإمكانك الحصول على:\n"
               "✍️ \u2068ناقد\u2069: المتبقي 3 × \u2068تقييم\u2069\n🌹 \u2068سفير\u2069: المتبقي 3 أصدقاء")),
    ],
)  # fmt: skip
async def test_badges_she_has_and_badges_to_get(
    store: Store, clock: FixedClock, sentences: Sentences, language: Language, said: str
) -> None:
    rosa = await business(store, clock, "beauty", at="2026-11-02 12:00")
    anna = await rosa.member()
    for activity in ("review", "review", "photo_review", "photo_review", "photo_review"):
        await rosa.does(anna, activity)
    found = await message(rosa, sentences, anna, about.badges, language)
    assert found.text == said
    assert buttons(found) == ["check_tier", "list_challenges", "show_leaderboard"]


async def test_no_badge_yet_and_all_of_them(store: Store, clock: FixedClock, sentences: Sentences) -> None:
    gym = await business(store, clock, "gym", at="2026-11-02 12:00")
    anna = await gym.member()
    none = await text(gym, sentences, anna, about.badges)
    assert none.startswith("You have no badges yet.")
    assert "👟 First class: 1 × A class to go" in none.splitlines()
    for _ in range(100):
        await gym.does(anna, "class_attended")
    said = (await text(gym, sentences, anna, about.badges)).splitlines()
    assert said[0] == "Your badges:"
    assert {"👟 First class", "💯 A hundred classes"} <= set(said)
    assert said[-1] == "You have them all! 🎉"


async def test_ten_badges_are_shown_nearest_first_and_orders_say_from_how_much(
    shop: Shop, sentences: Sentences
) -> None:
    several = [a_goal(f"b{number:02}", "orders", target=20 - number, minimum="5.00") for number in range(14)]
    await aims(shop, badges=[*several, a_goal("big", "spend", target=500, minimum="100.00")])
    member = await shop.member()
    for _ in range(7):
        await shop.buys(member, "6.00")
    said = (await text(shop, sentences, member, about.badges)).splitlines()
    assert said[:2] == ["Your badges:", "🏅 B13"]
    assert said[4] == "🏅 B12: 1 order of €5.00 or more to go"
    assert len([line for line in said if line.startswith("🏅")]) == 10
    assert said[-1] == "…and 5 more"
    await aims(shop, badges=[a_goal("big", "spend", target=500, minimum="100.00")])
    assert "🏅 Big: €500 in orders of €100.00 or more to go" in await text(shop, sentences, member, about.badges)
