"""Conversations as designers write them: what the customer does, what the bot answers.

`bot:` is the whole text of the answer; `…` in it stands for anything. CONTRIBUTING.md has the list of keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import regex
from ruamel.yaml import YAML

from loyalty.people.imports import ImportRow, import_row
from loyalty.people.members import Ref
from simulator import Customer, Sent, Update, WebhookBuilder
from tests.stack import Stack

ACTIONS = ("customer", "tap", "sends", "buys", "later", "decides", "restarts")
EXPECTATIONS = ("bot", "buttons", "rows", "picture", "silent")
OTHERS = ("in", "as", "remember", "caption", "phone")


class Mismatch(AssertionError):
    """The bot answered something else."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens and what is expected of it."""

    keys: Mapping[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation file."""

    programme: Path
    members: Mapping[str, Mapping[str, Any]]
    steps: tuple[Step, ...]


def read_script(file: Path) -> Script:
    """Read a conversation file; an unknown key is a mistake of the file."""
    document = YAML(typ="rt").load(file.read_text("utf-8"))
    steps = []
    for item in document["conversation"]:
        where = f"{file}:{item.lc.line + 1}"
        unknown = set(item) - {*ACTIONS, *EXPECTATIONS, *OTHERS}
        if unknown or len(set(item) & set(ACTIONS)) != 1:
            raise Mismatch(f"{where}: a step has one of {', '.join(ACTIONS)}; unknown: {', '.join(sorted(unknown))}")
        steps.append(Step(dict(item), where))
    members = document.get("members") or {"customer": document["member"]}
    return Script(Path("programmes") / f"{document.get('programme', 'cafe')}.yml", dict(members), tuple(steps))


class Player:
    """Plays a script on a stack."""

    def __init__(self, stack: Stack, script: Script) -> None:
        self._stack = stack
        self._script = script
        self._customers: dict[str, Customer] = {}
        self._last: dict[str, Sent] = {}
        self._remembered: dict[str, Sent] = {}

    async def play(self) -> int:
        """Play it to the end; returns how many messages the bot sent. Raises `Mismatch` naming file and line."""
        for name, told in self._script.members.items():
            await self._introduce(name, told)
        for step in self._script.steps:
            await self._step(step)
        return len(self._stack.graph.messages)

    async def _introduce(self, name: str, told: Mapping[str, Any]) -> None:
        phone = told.get("phone")
        customer = Customer(told.get("name", name), phone, told.get("user_id"), told.get("language", "en"))
        self._customers[name] = customer
        if "points" not in told:
            return  # somebody the programme has not met
        assert phone, "who is a member from the beginning has a phone"
        row = ImportRow(Ref.phone(phone), customer.name, told["language"], "", int(told["points"]))
        house = self._stack.house
        programme = next(iter(house.programmes.values()))
        quiet = programme.model_copy(update={"earning": programme.earning.model_copy(update={"joining": 0})})
        await house.store.write(lambda session: import_row(session, quiet, row, now=self._stack.clock.now()))

    async def _step(self, step: Step) -> None:
        keys = step.keys
        name = keys.get("as") or next(iter(self._customers))
        before = len(self._stack.graph.messages)
        await self._act(keys, name)
        if not set(keys) & set(EXPECTATIONS):
            return
        if keys.get("silent"):
            await self._stack.settled()
            if len(self._stack.graph.messages) != before:
                raise Mismatch(
                    f"{step.where}: the bot was to keep quiet, it said: {self._stack.graph.messages[-1].text}"
                )
            return
        await self._stack.graph.wait_for(before + 1, timeout=10)
        sent = self._stack.graph.messages[before]
        self._last[name] = sent
        if remember := keys.get("remember"):
            self._remembered[remember] = sent
        _compare(step, sent)

    async def _act(self, keys: Mapping[str, Any], name: str) -> None:
        stack, customer = self._stack, self._customers[name]
        if "buys" in keys:
            await stack.buys(customer, str(keys["buys"]))
        elif "decides" in keys:
            await stack.decides(dict(keys["decides"]))
        elif "restarts" in keys:
            await stack.restarts()
        elif "later" in keys:
            await stack.later(timedelta(**keys["later"]))
        else:
            stack.clock.forward(timedelta(seconds=20))
            stack.window.wrote(customer.keys, stack.clock.now().timestamp())
            await stack.receive(self._update(keys, name, customer))

    def _update(self, keys: Mapping[str, Any], name: str, customer: Customer) -> Update:
        build = self._stack.webhooks
        if "customer" in keys:
            return build.text(customer, str(keys["customer"]))
        if "tap" in keys:
            message = self._remembered[keys["in"]] if "in" in keys else self._last[name]
            id_, kind = _choice(message, keys["tap"])
            reply = build.button_reply if kind == "button" else build.list_reply
            return reply(customer, id_, keys["tap"], reply_to=message.wamid)
        return _sent(build, customer, keys)


def _sent(build: WebhookBuilder, customer: Customer, keys: Mapping[str, Any]) -> Update:
    """Something sent that is no text."""
    kinds: dict[str, Callable[[], Update]] = {
        "voice": lambda: build.audio(customer),
        "image": lambda: build.image(customer, keys.get("caption")),
        "document": lambda: build.document(customer),
        "own_card": lambda: build.contact(customer, str(keys["phone"]), asked=True, reply_to="wamid.asked"),
        "somebody_elses_card": lambda: build.contact(customer, str(keys["phone"]), asked=False),
        "location": lambda: build.location(customer, 45.46, 9.19),
        "reaction": lambda: build.reaction(customer, "👍", to="wamid.old"),
        "sticker": lambda: build.sticker(customer),
    }
    return kinds.get(keys["sends"], lambda: build.unsupported(customer))()


def _choices(message: Sent) -> list[tuple[str, str, str]]:
    """What a message offers: kind, id, title."""
    action = message.body.get("interactive", {}).get("action", {})
    buttons = [("button", each["reply"]["id"], each["reply"]["title"]) for each in action.get("buttons", [])]
    rows = [("row", row["id"], row["title"]) for section in action.get("sections", []) for row in section["rows"]]
    return buttons + rows


def _choice(message: Sent, title: str) -> tuple[str, str]:
    for kind, id_, shown in _choices(message):
        if shown == title:
            return id_, kind
    raise Mismatch(f"there is no {title!r} to tap, only {[shown for _, _, shown in _choices(message)]}")


def _compare(step: Step, sent: Sent) -> None:
    if "bot" in step.keys:
        expected = " ".join(str(step.keys["bot"]).split())
        said = " ".join(_text(sent).split())
        pattern = ".*".join(regex.escape(part) for part in expected.split("…"))
        if not regex.fullmatch(pattern, said, regex.DOTALL):
            raise Mismatch(f"{step.where}:\n  expected: {expected}\n  said:     {said}")
    if "picture" in step.keys:
        header = sent.body.get("interactive", {}).get("header", {})
        if (header.get("type") == "image") != step.keys["picture"]:
            raise Mismatch(f"{step.where}: expected {'a' if step.keys['picture'] else 'no'} picture above it")
    for key, kind in (("buttons", "button"), ("rows", "row")):
        if key in step.keys:
            titles = [title for found, _, title in _choices(sent) if found == kind]
            if titles != list(step.keys[key]):
                raise Mismatch(f"{step.where}: expected {key} {list(step.keys[key])}, there are {titles}")


def _text(sent: Sent) -> str:
    body = sent.body
    return str(body["text"]["body"] if body["type"] == "text" else body["interactive"]["body"]["text"])
