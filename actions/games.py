"""Questions about the quiz and the wheel: they lead to flows, where the programme has such games."""

from actions.question import Question
from conversation.messages.model import Answer, Command, Message
from loyalty.games import wheel
from loyalty.games.spins import Proof
from loyalty.ids import MemberId


def quiz(ask: Question) -> Answer:
    """Play a quiz."""
    if not ask.programme.games.quizzes:
        return ask.message(ask.say("quiz.none_here"), "how_to_earn", "list_rewards")
    return Command("start", {"flow": "quiz"})


def spin(ask: Question) -> Answer:
    """Spin the wheel; or, where that was asked for, how to check the spin that was drawn last."""
    proof = wheel.latest(ask.session, ask.programme, MemberId(ask.inquiry.member))
    if ask.inquiry.entities.get("about") == "proof" and proof is not None and proof.number is not None:
        return _check(ask, proof)
    if ask.programme.games.wheel is None:
        return ask.message(ask.say("wheel.none_here"), "list_rewards", "how_to_earn")
    return Command("start", {"flow": "wheel"})


def _check(ask: Question, proof: Proof) -> Message:
    """What it takes to replay a draw, in one message."""
    language, fields, end = ask.inquiry.language, [], 0
    for prize in proof.wheel.prizes:
        fields.append(ask.say("wheel.numbers", first=end, last=end + prize.weight - 1, name=prize.name[language]))
        end += prize.weight
    text = ask.say(
        "wheel.check", spin=proof.spin, promise=proof.commitment or "", seed=proof.seed or "", nonce=proof.nonce or "",
        total=proof.wheel.total, number=proof.number, prize=proof.drawn.name[language] if proof.drawn else "",
        fields="\n".join(fields),
    )  # fmt: skip
    return ask.message(text, "spin_wheel", "check_points")
