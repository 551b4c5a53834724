"""Sends deliveries: each hook by itself, so that a slow address delays only its own."""

import asyncio
import email.utils
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import aiohttp
import structlog
from yarl import URL

from loyalty.clock import Clock
from loyalty.correlation import correlated
from loyalty.errors import Invalid
from loyalty.store import Store
from loyalty.tracing import span
from service.hooks import queue, signing
from service.hooks.guard import Guard, Guarded, client
from service.hooks.queue import LONGEST_RETRY_AFTER, Batch, Result, Taken

log = structlog.get_logger()

HOOKS_AT_ONCE = 32
OF_A_HOOK = 4
"""Deliveries under way to one hook; the next ones wait until all of them have ended."""
TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
LARGEST_ANSWER = 512
"""Bytes of an answer that are read, so that its connection can be used again; a longer one costs the connection."""
LOOK = 0.5
"""Seconds between two looks for other hooks that have something to send, while some are at it."""
USER_AGENT = "Passaparola-Hooks/1"


class Deliverer:
    """Sends what is due. `work` is a queue's work for `jobs.runner`; several processes may do it side by side."""

    def __init__(
        self, store: Store, clock: Clock, guard: Guard, *, timeout: aiohttp.ClientTimeout = TIMEOUT,
        connect: Callable[..., aiohttp.ClientSession] = client,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._guard = guard
        self._timeout = timeout
        self._connect = connect

    async def work(self, now: datetime) -> str:
        """Send everything that is due, and what falls due meanwhile. Says how many were sent and how many failed."""
        if not (due := await self._store.look(partial(queue.hooks_due, now=now))):
            return ""
        tally = _Tally(max(now, self._clock.now()) - self._clock.now())
        connections = HOOKS_AT_ONCE * OF_A_HOOK
        async with self._connect(
            self._guard, timeout=self._timeout, connections=connections, of_a_host=OF_A_HOOK * 2
        ) as session:
            busy: dict[str, asyncio.Task[None]] = {}
            try:
                while due or busy:
                    for hook in due:
                        if hook not in busy and len(busy) < HOOKS_AT_ONCE:
                            busy[hook] = asyncio.create_task(self._serve(session, hook, tally), name=f"hook {hook}")
                    await asyncio.wait(busy.values(), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                    for hook in [hook for hook, task in busy.items() if task.done()]:
                        busy.pop(hook).result()
                    due = await self._store.look(partial(queue.hooks_due, now=self._now(tally)))
            finally:
                for task in busy.values():
                    task.cancel()
                await asyncio.gather(*busy.values(), return_exceptions=True)
        return tally.report()

    def _now(self, tally: "_Tally") -> datetime:
        return self._clock.now() + tally.ahead

    async def _serve(self, session: aiohttp.ClientSession, hook: str, tally: "_Tally") -> None:
        """Send what one hook has due, a few at a time, until nothing is left or it is to be left alone."""
        while True:
            now = self._now(tally)
            taking = partial(queue.take, hook_id=hook, most=OF_A_HOOK, now=now)
            batch = await self._store.write(taking)
            if batch is None:
                return
            results = await self._send_all(session, batch)
            await self._store.write(partial(queue.settle, hook_id=hook, results=results, now=self._now(tally)))
            tally.note(results)

    async def _send_all(self, session: aiohttp.ClientSession, batch: Batch) -> list[Result]:
        try:
            url = self._guard.check(batch.url)
        except Invalid as error:
            return [Result(one.id, one.attempt, None, str(error)) for one in batch.taken]
        return list(await asyncio.gather(*(self._send(session, batch.hook, url, one) for one in batch.taken)))

    async def _send(self, session: aiohttp.ClientSession, hook: str, url: URL, one: Taken) -> Result:
        with correlated(one.correlation), span("hook", hook=hook, delivery=one.id, attempt=one.attempt):
            result = await self._try(session, url, one)
            log.info(
                "webhook sent" if result.arrived else "webhook not taken",
                hook=hook, delivery=one.id, attempt=one.attempt, status=result.status, error=result.error,
            )  # fmt: skip
            return result

    async def _try(self, session: aiohttp.ClientSession, url: URL, one: Taken) -> Result:
        stamp = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json", "User-Agent": USER_AGENT,
            **signing.headers(one.message_id, stamp, one.body, one.secrets),
        }  # fmt: skip
        try:
            async with session.post(url, data=one.body, headers=headers, allow_redirects=False) as response:
                if not 200 <= response.status < 300:
                    after = retry_after(response.headers, self._clock.now())
                    return Result(one.id, one.attempt, response.status, f"answered {response.status}", after)
                await response.content.readexactly(LARGEST_ANSWER + 1)
                response.close()  # it says more than we want to hear
        except asyncio.IncompleteReadError:
            pass  # the answer was short
        except TimeoutError:
            return Result(one.id, one.attempt, None, f"no answer within {self._timeout.total:g} s")
        except aiohttp.ClientConnectorError as error:
            inside = isinstance(error.os_error, Guarded)
            said = "its name leads to an address that is not on the public internet" if inside else "not reached"
            return Result(one.id, one.attempt, None, f"{said} ({type(error).__name__})")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Result(one.id, one.attempt, None, f"no proper answer ({type(error).__name__})")
        return Result(one.id, one.attempt, response.status)


class _Tally:
    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead
        """How far the moment that is worked for lies ahead of the clock: `tick --now`."""
        self.arrived = self.failed = 0

    def note(self, results: list[Result]) -> None:
        self.arrived += sum(one.arrived for one in results)
        self.failed += sum(not one.arrived for one in results)

    def report(self) -> str:
        return f"{self.arrived} webhooks sent, {self.failed} not taken" if self.arrived or self.failed else ""


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long an address asks to be left alone (`Retry-After`, in seconds or as a date), a day at most."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return min(timedelta(seconds=int(text)), LONGEST_RETRY_AFTER)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), LONGEST_RETRY_AFTER)
