"""The main job, as a new user sees it: `passaparola demo`, a browser, a café."""

import os

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.model]


async def test_a_new_user_asks_for_points_redeems_a_reward_and_buys_something(page: Page) -> None:
    await page.locator("[data-chat]", has_text="Anna").click()
    await page.locator("#composer").fill("quanti punti ho?")
    await page.locator("#send").click()
    balance = page.locator(".bubble.in").last
    await expect(balance).to_contain_text("Hai")
    await expect(balance.locator("[data-reply-id]")).to_have_count(3)
    await balance.locator("[data-reply-id]").first.click()

    await page.locator("[data-list]").last.click()
    picker = page.locator("#list-picker")
    await picker.locator("[data-reply-id]", has_text="Cappuccino").click()
    await page.locator("#picker-send").click()
    question = page.locator(".bubble.in").last
    await expect(question).to_contain_text("Cappuccino")
    await question.locator("[data-reply-id]").first.click()
    await expect(page.locator(".bubble.in").last).to_contain_text("Il tuo codice")

    before = await page.locator(".bubble.in").count()
    await page.locator("#amount").fill("42.50")
    await page.locator("#buy").click()
    await expect(page.locator(".bubble.in")).to_have_count(before + 1)
    await expect(page.locator(".bubble.in").last).to_contain_text("42 punti")
    await expect(page.locator("#ledger")).to_contain_text("+42")
    if picture := os.environ.get("PASSAPAROLA_SCREENSHOT"):
        await page.wait_for_timeout(300)
        await page.screenshot(path=picture)


async def test_arabic_runs_from_right_to_left(page: Page) -> None:
    await page.locator("[data-chat]", has_text="عمر").click()
    await page.locator("#composer").fill("كم عدد نقاطي؟")
    await page.locator("#composer").press("Enter")
    answer = page.locator(".bubble.in").last
    await expect(answer).to_contain_text("رصيدك")
    direction = await answer.locator("[dir=auto]").first.evaluate("node => getComputedStyle(node).direction")
    assert direction == "rtl"
