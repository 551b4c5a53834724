"""Random walks over all flows on a real store: no exception, no dead end, nothing lost, nothing paid twice."""

from pathlib import Path

from tests.walks.run import walk

WALKS, MESSAGES = 150, 8


async def test_a_hundred_and_fifty_walks_break_nothing(sqlite_template: Path, tmp_path: Path) -> None:
    done = await walk(sqlite_template, tmp_path, walks=WALKS, messages=MESSAGES, seed="suite")
    assert done.walks == WALKS
    flows = {place.partition(".")[0] for place in done.stayed}
    assert flows >= {"claim", "dialog", "enrolment", "erasure", "friend_code", "handover", "leaderboard"}
    assert flows >= {"profile", "quiz", "redemption", "wheel"}
