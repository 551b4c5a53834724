"""Written dialogs at work."""

import hashlib
import json
from collections.abc import Mapping

from conversation.choosing.matching import normalise
from conversation.flowing.part import At, Closed, Part
from flows.dialog import Dialog, DialogFacts, Finish, Question
from flows.model import Effect, Event, Phrase, Saved
from loyalty.books.overview import points_of
from loyalty.errors import Refused
from loyalty.games import dialogs
from loyalty.programme import Language, Programme
from loyalty.rules.dialogs import Dialog as Rule


class Dialoguing(Part[DialogFacts]):
    """Asking what a programme has written down."""

    flow = Dialog()
    intent = "help"

    def closed(self, at: At, args: Mapping[str, str]) -> Closed | None:
        rule = dialogs.find_dialog(at.programme, args.get("dialog", ""))
        if rule is None:
            return Closed(Phrase("flow.changed"), ("help",))
        name = {"dialog": rule.name[at.language]}
        if at.member.joined_at is None:
            return Closed(Phrase("dialog.refused.not_joined", name), ("join_program",))
        try:
            dialogs.may_take(at.session, at.programme, rule, at.member_id, now=at.now)
        except Refused as refusal:
            return Closed(Phrase(f"dialog.refused.{refusal.reason}", name), ("check_points", "list_rewards"))
        return None

    def facts(self, at: At, saved: Saved | None, args: Mapping[str, str]) -> DialogFacts:
        id_ = str(saved.data["dialog"]) if saved is not None else args["dialog"]
        rule = dialogs.find_dialog(at.programme, id_)
        return _facts(rule, at.language) if rule is not None else DialogFacts(id_, id_, "", (), None, "")

    def perform(self, at: At, saved: Saved, effect: Effect) -> Event:
        assert isinstance(effect, Finish)
        rule = dialogs.find_dialog(at.programme, effect.dialog)
        assert rule is not None  # the flow saw it a moment ago
        try:
            taken = dialogs.take(
                at.session, at.programme, at.member, rule, effect.answers, key=f"chat:{saved.run}", now=at.now
            )
        except Refused as refusal:
            return Event("refuse", {"reason": refusal.reason})
        reward = at.programme.reward(rule.gift.reward) if rule.gift and rule.gift.reward else None
        return Event(
            "kept",
            {
                "points": taken.points, "available": points_of(at.session, at.member_id).available,
                "code": taken.code or "", "reward": reward.name[at.language] if reward else "",
            },
        )  # fmt: skip


def dialog_called(programme: Programme, text: str) -> str | None:
    """The dialog that a whole message begins, by one of its words in any language."""
    said = normalise(text)
    for rule in programme.dialogs:
        if any(said == normalise(word) for words in rule.words.values() for word in words):
            return rule.id
    return None


def _facts(rule: Rule, language: Language) -> DialogFacts:
    questions = tuple(
        Question(
            step.id, step.kind, step.text[language],
            tuple((option.id, option.name[language]) for option in step.options), step.optional,
        )
        for step in rule.steps
    )  # fmt: skip
    return DialogFacts(
        rule.id, rule.name[language], _shape(rule), questions, rule.intro[language] if rule.intro else None,
        rule.thanks[language],
    )  # fmt: skip


def _shape(rule: Rule) -> str:
    """What must not change under somebody who is answering: which questions there are, of which kind, with what."""
    told = [[step.id, step.kind, step.optional, [option.id for option in step.options]] for step in rule.steps]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
