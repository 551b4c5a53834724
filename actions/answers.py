"""Every intent that our own code answers. The others are responses of the catalogue (`utter_…`, see `data/rules`)."""

from collections.abc import Mapping

from actions import account, games, levels, points, referral, rewards
from actions.question import Answering, Question
from conversation.messages.model import Answer, Inquiry
from conversation.saying.sentences import Sentences
from loyalty.clock import Clock
from loyalty.store import Store

ANSWERS: Mapping[str, Answering] = {
    "check_points": points.balance,
    "points_history": points.history,
    "points_expiry": points.expiry,
    "how_to_earn": points.how_to_earn,
    "missing_points": points.missing,
    "list_rewards": rewards.choose,
    "redeem_reward": rewards.choose,
    "my_vouchers": rewards.vouchers,
    "suggest_reward": rewards.suggest,
    "get_referral_link": referral.link,
    "how_referral_works": referral.terms,
    "referral_status": referral.status,
    "enter_referral_code": referral.enter,
    "check_tier": levels.tier,
    "show_badges": levels.badges,
    "list_challenges": levels.challenges,
    "show_leaderboard": levels.leaderboard,
    "play_quiz": games.quiz,
    "spin_wheel": games.spin,
    "join_program": account.join,
    "opt_in": account.opt_in,
    "opt_out": account.opt_out,
    "change_language": account.language,
    "talk_to_human": account.person,
    "delete_my_data": account.erase,
    "export_my_data": account.export,
}


class Answers:
    """Answers inquiries from the store."""

    def __init__(self, store: Store, sentences: Sentences, clock: Clock, *, public_url: str) -> None:
        self._store = store
        self._sentences = sentences
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents answered here."""
        return tuple(ANSWERS)

    async def answer(self, intent: str, inquiry: Inquiry) -> tuple[Answer, ...]:
        """Answer an inquiry. Raises `KeyError` for an intent that is not answered here."""
        answering = ANSWERS[intent]
        now = self._clock.now()
        return await self._store.look(
            lambda session: (answering(Question(session, inquiry, self._sentences, self._public_url, now)),)
        )
