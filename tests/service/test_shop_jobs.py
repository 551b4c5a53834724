"""The whole put together: settings, jobs and listeners, as `passaparola tick` runs them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from jobs.runner import Jobs
from loyalty.clock import FixedClock
from loyalty.ids import MemberId
from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref, find_member
from loyalty.rewards import vouchers
from passaparola.compose import build
from passaparola.due_work import jobs_of
from passaparola.settings import Settings
from tests.service.conftest import ANNA
from tests.service.shop_asking import asked
from tests.shop_fixtures import DOMAIN

ROOT = Path(__file__).parents[2]


def settings(database: str, programme: Path, **values: Any) -> Settings:
    """Settings with these values and no others."""
    known = {str(field.alias): field.get_default() for field in Settings.model_fields.values() if field.alias}
    given = {"PASSAPAROLA_DATABASE_URL": database, "PASSAPAROLA_PROGRAMME": programme, **values}
    return Settings(_env_file=None, **{**known, **given})


async def test_one_tick_finds_lost_orders_works_them_off_and_makes_codes(
    sqlite_database: str, tmp_path: Path, clock: FixedClock
) -> None:
    text = (ROOT / "programmes" / "cafe.yml").read_text("utf-8")
    assert "  - id: espresso\n    points: 20\n" in text
    file = tmp_path / "cafe.yml"
    changed = text.replace("  - id: espresso\n", "  - id: espresso\n    shop_code: {percent: 10}\n", 1)
    file.write_text(changed, "utf-8")
    async with asked("shopify") as shop:
        shop.has(shop.state(1, clock.now() - timedelta(hours=1)))
        house = build(
            settings(
                sqlite_database, file, SHOPIFY_SHOP=DOMAIN, SHOPIFY_ACCESS_TOKEN="shpat_stand_in",
                SHOPIFY_API_URL=shop.url,
            ),
            clock=clock,
        )  # fmt: skip
        (programme,) = house.programmes.values()

        def set_up(session: Session) -> str:
            import_row(session, programme, ImportRow(Ref.phone(ANNA), "Anna", "it", "", 0), now=clock.now())
            member = find_member(session, programme.id, (Ref.phone(ANNA),))
            assert member is not None
            reward = next(one for one in programme.rewards if one.id == "espresso")
            return vouchers.issue(
                session, programme, MemberId(member.id), reward, origin="goal:1", language="it", now=clock.now()
            ).code

        code = await house.store.write(set_up)
        jobs = jobs_of(house, house.service())
        ran = await Jobs(house.store, clock, jobs).run_all(clock.now())
        reports = {one.name: one.report for one in ran}
        assert not [one for one in ran if one.failed]
        assert reports["shops:shopify"] == "1 changed orders looked at, 1 new"
        assert reports["shops"] == "1 deliveries of shops worked off"
        assert reports["shop-codes:shopify"] == f"1 codes seen to in {DOMAIN}"
        assert shop.stand_in.live() == {code}
        await house.store.close()


async def test_without_settings_there_is_nothing_to_do(sqlite_database: str, clock: FixedClock) -> None:
    house = build(settings(sqlite_database, ROOT / "programmes" / "cafe.yml"), clock=clock)
    names = [job.name for job in jobs_of(house, house.service())]
    assert not [name for name in names if name.startswith(("shops:", "shop-codes"))]
    await house.store.close()
