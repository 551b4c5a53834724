"""The profile flow at work."""

from collections.abc import Mapping

from conversation.flowing.keeping import birthday_in_words, keep
from conversation.flowing.part import At, Part
from conversation.saying.sentences import Sentences
from flows.enrolment import Keep
from flows.model import Effect, Event, Saved
from flows.profile import Profile, ProfileFacts
from loyalty.people import birthdays


class Profiling(Part[ProfileFacts]):
    """Seeing and changing what is known of oneself."""

    flow = Profile()
    intent = "my_profile"

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> ProfileFacts:
        member = at.member
        return ProfileFacts(
            name=member.name or "",
            birthday=birthday_in_words(member.birthday, at.language) if member.birthday is not None else "",
            language=self._sentences.say(at.language, "language.name"),
            offers=member.marketing_opt_in,
            birthday_free=birthdays.may_tell(member, at.now),
        )

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, Keep)
        return keep(at, effect.what, effect.text)
