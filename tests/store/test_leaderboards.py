"""Leaderboards: who takes part, under which names, in which places, and that nothing personal shows."""

import asyncio
import random
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from loyalty.errors import NotFound, Refused
from loyalty.ids import MemberId
from loyalty.levels import leaderboards
from loyalty.levels.board_names import new_name
from loyalty.levels.leaderboards import NEIGHBOURS, Board, Which
from loyalty.people.consents import consents_of
from loyalty.programme import LANGUAGES
from loyalty.tables import Member, Score
from tests.store.goals import DAY, a_goal, aiming, aims, asked, nothing_differs, scores, subscribes
from tests.store.helpers import Shop, a_key

VISITS = a_goal("visits", each="month")


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The café with a leaderboard for the visits of a month."""
    shop.programme = aiming(shop.programme, leaderboards=[VISITS])
    return shop


async def joins(shop: Shop, member: MemberId) -> str:
    return await shop.do(
        lambda session: leaderboards.opt_in(
            session, shop.programme, member, words="count me in", evidence="chat", now=shop.now
        )
    )


async def leaves(shop: Shop, member: MemberId) -> bool:
    return await shop.do(
        lambda session: leaderboards.opt_out(
            session, shop.programme, member, words="not me", evidence="chat", now=shop.now
        )
    )


async def top(
    shop: Shop, board: str = "visits", *, member: MemberId | None = None, which: Which = "running"
) -> Board:  # fmt: skip
    return await shop.ask(
        lambda session: leaderboards.top(session, shop.programme, board, now=shop.now, member=member, which=which)
    )


async def with_visits(shop: Shop, *visits: int) -> list[MemberId]:
    """Members who take part, and how often they came."""
    members = [await shop.member() for _ in visits]
    for member, number in zip(members, visits, strict=True):
        await joins(shop, member)
        for _ in range(number):
            await shop.buys(member, "1.00")
    return members


def ranks(board: Board) -> list[tuple[int, int]]:
    return [(place.rank, place.value) for place in board.places]


async def test_nobody_is_on_a_board_who_did_not_ask_to_be(shop: Shop) -> None:
    member = await shop.member()
    await shop.buys(member, "1.00")
    assert await scores(shop, member) == {}
    assert (await top(shop, member=member)).places == ()
    assert (await top(shop, member=member)).mine is None


async def test_who_takes_part_counts_with_what_she_did_before_in_the_month(shop: Shop) -> None:
    member = await shop.member()
    shop.clock.instant = datetime(2026, 10, 31, 12, tzinfo=UTC)
    await shop.buys(member, "1.00")
    shop.clock.instant = datetime(2026, 11, 21, 12, tzinfo=UTC)
    await shop.buys(member, "1.00")
    name = await joins(shop, member)
    await shop.buys(member, "1.00")
    board = await top(shop, member=member)
    assert [(place.rank, place.name, place.value, place.mine) for place in board.places] == [(1, name, 2, True)]
    assert board.mine == board.places[0]
    assert (await top(shop, which="last")).places == ()  # she did not take part then
    assert await nothing_differs(shop)


async def test_equal_values_share_a_rank_and_the_next_counts_all_above(shop: Shop) -> None:
    await with_visits(shop, 1, 3, 2, 3, 2, 0)
    assert ranks(await top(shop)) == [(1, 3), (1, 3), (3, 2), (3, 2), (5, 1)]


async def test_a_board_shows_as_many_as_it_says_and_a_member_sees_her_own_place_and_her_neighbours(shop: Shop) -> None:
    await aims(shop, leaderboards=[{**VISITS, "size": 2}])
    members = await with_visits(shop, 7, 6, 5, 5, 4, 2, 1)
    board = await top(shop, member=members[4])
    assert ranks(board) == [(1, 7), (2, 6)]
    assert [(place.rank, place.value, place.mine) for place in board.around] == [
        (3, 5, False), (3, 5, False), (5, 4, True), (6, 2, False), (7, 1, False),
    ]  # fmt: skip
    first = await top(shop, member=members[0])
    assert [(place.rank, place.mine) for place in first.around] == [(1, True), (2, False), (3, False)]


async def test_places_and_neighbours_are_those_of_a_sorted_list(shop: Shop) -> None:
    """However many share a value."""
    draw = random.Random(7)
    members = await with_visits(shop, *(0 for _ in range(25)))

    def put(session: Session) -> None:
        rows = [
            {"programme_id": shop.programme.id, "board": "visits", "period": "2026-11", "member_id": member,
             "value": draw.choice([1, 1, 2, 3, 5, 8])}
            for member in members
        ]  # fmt: skip
        session.execute(insert(Score), rows)

    await shop.do(put)
    values = {member: (await scores(shop, member))["visits", "2026-11"] for member in members}
    order = sorted(members, key=lambda member: (values[member], member), reverse=True)
    for place, member in enumerate(order):
        around = order[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS + 1]
        expected = [(1 + sum(v > values[other] for v in values.values()), values[other]) for other in around]
        board = await top(shop, member=member)
        assert [(one.rank, one.value) for one in board.around] == expected
        assert board.mine is not None
        assert board.mine.value == values[member]


async def test_a_refund_counts_on_the_board_also_when_the_month_is_over(shop: Shop) -> None:
    (member,) = await with_visits(shop, 1)
    order = a_key()
    await shop.buys(member, "1.00", key=order)
    shop.clock.instant = datetime(2026, 12, 1, 10, tzinfo=UTC)
    await shop.buys(member, "1.00")
    assert ranks(await top(shop)) == [(1, 1)]
    assert ranks(await top(shop, which="last")) == [(1, 2)]
    await shop.refunds(order, "1.00")
    assert ranks(await top(shop, which="last")) == [(1, 1)]
    assert await nothing_differs(shop)


async def test_winners_of_the_last_month_stay_readable_for_a_month(shop: Shop) -> None:
    members = await with_visits(shop, 3, 1)
    shop.clock.instant = datetime(2026, 12, 15, 10, tzinfo=UTC)
    await shop.tick()
    board = await top(shop, member=members[1], which="last")
    assert (board.period, ranks(board)) == ("2026-11", [(1, 3), (2, 1)])
    assert (board.begins_at, board.ends_at) == (
        datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC),
    )  # fmt: skip
    assert ranks(await top(shop)) == []
    shop.clock.instant = datetime(2027, 1, 1, 10, tzinfo=UTC)
    await shop.tick()
    assert ranks(await top(shop, which="last")) == []
    assert await scores(shop, members[0]) == {}


async def test_who_leaves_is_gone_at_once_and_comes_back_under_another_name(shop: Shop) -> None:
    (member,) = await with_visits(shop, 2)
    shop.clock.instant = datetime(2026, 12, 15, 10, tzinfo=UTC)
    await shop.buys(member, "1.00")
    name = (await top(shop)).places[0].name
    assert await leaves(shop, member)
    assert not await leaves(shop, member)
    assert await scores(shop, member) == {}
    assert (await top(shop, which="last")).places == ()
    await shop.buys(member, "1.00")
    assert await scores(shop, member) == {}
    assert await nothing_differs(shop)
    assert await joins(shop, member) != name
    assert await scores(shop, member) == {("visits", "2026-12"): 2}
    said = await shop.ask(lambda session: consents_of(session, member, purpose="leaderboard"))
    assert [(word.given, word.words) for word in said] == [
        (True, "count me in"), (False, "not me"), (True, "count me in"),
    ]  # fmt: skip
    assert await nothing_differs(shop)


async def test_asking_twice_to_take_part_changes_nothing(shop: Shop) -> None:
    member = await shop.member()
    assert await joins(shop, member) == await joins(shop, member)
    assert len(await shop.ask(lambda session: consents_of(session, member, purpose="leaderboard"))) == 1


async def test_nothing_on_a_board_says_who_somebody_is(shop: Shop) -> None:
    members = await with_visits(shop, 1, 2, 3)

    def name(session: Session) -> set[str]:
        known: set[str] = set()
        for number, row in enumerate(session.scalars(select(Member)).all()):
            row.name = f"Giulia{number}"
            known |= {row.name, row.id, row.referral_code}
        return known

    personal = await shop.do(name)
    shown = str(asdict(await top(shop, member=members[0])))
    assert not [secret for secret in personal if secret in shown]


async def test_names_are_of_the_members_language_and_nobody_has_the_same(shop: Shop) -> None:
    members = [await shop.member() for _ in LANGUAGES]
    for member, language in zip(members, LANGUAGES, strict=True):

        def speak(session: Session, member: MemberId = member, language: str = language) -> None:
            session.get_one(Member, member).language = language

        await shop.do(speak)
    names = await asyncio.gather(*(joins(shop, member) for member in members))
    assert len(set(names)) == len(LANGUAGES)
    assert any("\u0600" <= sign <= "\u06ff" for sign in names[LANGUAGES.index("ar")])
    for language in LANGUAGES:
        drawn = [new_name(language, signs=8) for _ in range(500)]
        assert max(len(name) for name in drawn) <= 40
        assert len(set(drawn)) == 500


async def test_a_board_of_every_week_and_one_for_ever_count_side_by_side(shop: Shop) -> None:
    await aims(
        shop,
        leaderboards=[
            a_goal("week", "spend", each="week"), a_goal("ever", "points", each="ever"),
            a_goal("loyal", "subscription_months", each="ever"),
        ],
    )  # fmt: skip
    member = await shop.member()
    await shop.buys(member, "5.00")
    await joins(shop, member)
    await subscribes(shop, member, "box", datetime(2026, 9, 21, 8, tzinfo=UTC))
    assert await scores(shop, member) == {("week", "2026-W47"): 5, ("ever", "ever"): 5, ("loyal", "ever"): 2}
    shop.clock.forward(2 * DAY)  # Monday
    await shop.buys(member, "7.99")
    assert await scores(shop, member) == {
        ("week", "2026-W47"): 5, ("week", "2026-W48"): 7, ("ever", "ever"): 12, ("loyal", "ever"): 2,
    }  # fmt: skip
    shop.clock.forward(30 * DAY)
    await shop.tick()
    assert (await scores(shop, member))["loyal", "ever"] == 3
    assert await nothing_differs(shop)
    with pytest.raises(NotFound, match="for ever"):
        await top(shop, "ever", which="last")


async def test_a_board_that_is_new_has_who_takes_part_after_the_next_tick_and_one_that_is_gone_nobody(
    shop: Shop,
) -> None:
    (member,) = await with_visits(shop, 2)
    await aims(shop, leaderboards=[a_goal("spenders", "spend", each="week")])
    await shop.tick()
    assert await scores(shop, member) == {("spenders", "2026-W47"): 2}
    with pytest.raises(NotFound, match="it has: spenders"):
        await top(shop, "visits")
    await aims(shop)
    await shop.tick()
    assert await scores(shop, member) == {}


async def test_a_programme_without_a_board_has_nothing_to_take_part_in(shop: Shop) -> None:
    await aims(shop)
    member = await shop.member()
    with pytest.raises(Refused) as refused:
        await joins(shop, member)
    assert refused.value.reason == "no_leaderboard"


async def test_places_are_found_by_the_index_and_sorted_by_nobody(shop: Shop) -> None:
    """Of a million scores a board reads those it shows, whatever values they share."""
    member = await shop.member()
    others = 3000

    def fill(session: Session) -> None:
        session.execute(
            insert(Member),
            [
                {"id": f"m{number:031}", "programme_id": shop.programme.id, "language": "it",
                 "referral_code": f"R{number}", "created_at": shop.now, "board_name": f"Gufo {number}"}
                for number in range(others)
            ],
        )  # fmt: skip
        session.execute(
            insert(Score),
            [
                {"programme_id": shop.programme.id, "board": "visits", "period": f"2026-{month}",
                 "member_id": f"m{number:031}", "value": number % 7}
                for number in range(others)
                for month in ("10", "11")
            ],
        )  # fmt: skip

    await joins(shop, member)
    await shop.buys(member, "1.00")
    await shop.do(fill)

    await shop.do(lambda session: session.execute(text("ANALYZE")).close())
    seen = await asked(
        shop, lambda session: leaderboards.top(session, shop.programme, "visits", now=shop.now, member=member)
    )
    places = [(statement, values) for statement, values in seen if "FROM score" in statement]

    def explain(session: Session) -> list[str]:
        postgres = session.get_bind().dialect.name == "postgresql"
        if postgres:  # so small a table it would rather read as a whole
            session.execute(text("SET LOCAL enable_seqscan = off"))
        how = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
        found = [session.connection().exec_driver_sql(f"{how} {one}", values).all() for one, values in places]
        return ["\n".join(str(row[-1]) for row in rows) for rows in found]

    explained = await shop.do(explain)
    assert len(explained) >= 5
    for plan in explained:
        assert "ix_score_rank" in plan or "pk_score" in plan or "sqlite_autoindex_score" in plan, plan
        assert "Sort" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        assert "Seq Scan" not in plan, plan
