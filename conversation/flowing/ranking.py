"""The leaderboards at work: who takes part said so, and her words are kept."""

from collections.abc import Mapping

from conversation.flowing.part import At, Closed, Part
from conversation.saying import standings
from conversation.saying.sentences import Sentences
from conversation.saying.wording import Voice
from flows.board import BoardFact, BoardFacts, Leaderboard, TakePart, Withdraw
from flows.model import Effect, Event, Phrase, Saved
from loyalty.errors import Refused
from loyalty.levels import leaderboards


class Ranking(Part[BoardFacts]):
    """Looking at the leaderboards, taking part, leaving."""

    flow = Leaderboard()
    intent = "show_leaderboard"

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        if at.member.joined_at is not None:
            return None
        return Closed(Phrase("board.guest", {"programme": at.programme.name}), ("join_program", "how_to_earn"))

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> BoardFacts:
        voice, name = Voice(self._sentences, at.language, at.programme), at.member.board_name
        found = (
            leaderboards.top(at.session, at.programme, rules.id, now=at.now, member=at.member_id)
            for rules in at.programme.leaderboards
        )
        facts = (
            BoardFact(one.rules.id, one.rules.name[at.language], standings.board(voice, one, name=name))
            for one in found
        )  # fmt: skip
        return BoardFacts(tuple(facts), name)

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        match effect:
            case TakePart():
                words = f"{self._say(at, 'board.consent')} {self._say(at, 'button.take_part')}"
                try:
                    name = leaderboards.opt_in(
                        at.session, at.programme, at.member_id, words=words, evidence=at.message_id, now=at.now
                    )
                except Refused:  # the programme has none any more
                    return Event("refuse")
                return Event("entered", {"name": name})
            case Withdraw():
                words = self._say(at, "button.leave_board")
                leaderboards.opt_out(
                    at.session, at.programme, at.member_id, words=words, evidence=at.message_id, now=at.now
                )
                return Event("gone")
        return super().perform(at, saved, effect)

    def _say(self, at: At, key: str) -> str:
        return self._sentences.say(at.language, key)
