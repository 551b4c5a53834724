"""Any walk of claims, answers, refusals, crashes and receipts: nothing is sent twice, lost, or brought back."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from conversation.arriving.incoming import Receipt, State
from conversation.arriving.receipts import RANK
from conversation.leaving import outbox
from conversation.leaving.refusals import Do
from loyalty.clock import FixedClock
from loyalty.files.reading import read_programme
from loyalty.ids import MemberId
from loyalty.store import open_store
from loyalty.store.schema import upgrade
from tests.store.helpers import Shop
from tests.store.sending import Post

AGAIN = [Do.SLOW_DOWN, Do.WAIT_FOR_HER, Do.TRY_FEW_TIMES, Do.TRY_IN_MINUTES]
NEVER = [Do.FIX, Do.ASK_HER, Do.USE_TEMPLATE]
CAFE = Path(__file__).parents[2] / "programmes" / "cafe.yml"


@cache
def _empty_store() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        upgrade(f"sqlite:///{folder}/store.db")
        return Path(folder, "store.db").read_bytes()


class OutboxWalk(RuleBasedStateMachine):
    """A store of its own; what really happened is written down beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        database = f"sqlite:///{self.folder.name}/store.db"
        Path(self.folder.name, "store.db").write_bytes(_empty_store())
        clock = FixedClock(datetime(2026, 11, 21, 10, tzinfo=UTC))

        async def begin() -> Post:
            return Post(Shop(open_store(database), read_programme(CAFE), clock))

        self.post = self.loop.run_until_complete(begin())
        self.members: list[MemberId] = []
        self.flying: list[int] = []
        self.delivered: dict[int, str] = {}
        self.best: dict[int, int] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.post.shop.store.close())
        self.loop.close()
        self.folder.cleanup()

    @initialize()
    def people(self) -> None:
        self.members = [self.loop.run_until_complete(self.post.member()) for _ in range(2)]

    @rule(who=st.integers(0, 1))
    def put(self, who: int) -> None:
        self.loop.run_until_complete(self.post.put(self.members[who]))

    @rule()
    def claim(self) -> None:
        taken = self.loop.run_until_complete(self.post.take())
        assert not set(taken) & set(self.flying), "it is under way"
        assert not set(taken) & set(self.delivered), "it went out before"
        self.flying += taken

    @rule(data=st.data())
    def goes_out(self, data: st.DataObject) -> None:
        """WhatsApp has it, and the answer arrives or does not."""
        if self.flying:
            number = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
            self.delivered[number] = f"wamid.{number}"
            if data.draw(st.booleans()):
                self.loop.run_until_complete(self.post.sent(number))
            elif data.draw(st.booleans()):
                self.loop.run_until_complete(self.post.refused(number, Do.LEAVE))

    @rule(data=st.data(), do=st.sampled_from([*AGAIN, *NEVER]))
    def is_refused(self, data: st.DataObject, do: Do) -> None:
        if self.flying:
            number = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
            self.loop.run_until_complete(self.post.refused(number, do, 1))

    @rule(data=st.data(), state=st.sampled_from(["sent", "delivered", "read", "played"]))
    def receipt(self, data: st.DataObject, state: State) -> None:
        if self.delivered:
            number = data.draw(st.sampled_from(sorted(self.delivered)))
            told = Receipt(self.delivered[number], state, self.post.shop.now, outbox_id=number)
            self.loop.run_until_complete(self.post.told([told]))
            self.best[number] = max(self.best.get(number, 0), RANK[state])

    @rule(seconds=st.sampled_from([1, 30, 700]))
    def time_goes_by(self, seconds: int) -> None:
        self.post.shop.clock.forward(timedelta(seconds=seconds))

    @rule()
    def crash(self) -> None:
        """The sender dies with all that is under way."""
        self.flying.clear()
        now = self.post.shop.now + outbox.UNSURE_AFTER
        self.loop.run_until_complete(self.post.shop.do(lambda session: outbox.recover(session, now=now)))

    @invariant()
    def what_is_known_is_kept(self) -> None:
        for row in self.loop.run_until_complete(self.post.rows()):
            if row.id in self.delivered:
                assert row.state in {"sending", "unsure", "sent", "delivered", "read"}, row.state
                assert RANK[row.state] >= self.best.get(row.id, 0)
            if row.id in self.flying:
                assert row.state == "sending"
            assert row.attempts <= 12


OutboxWalk.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestOutboxWalk = OutboxWalk.TestCase
