"""`passaparola check`: what designers edit, looked at as a whole. Every finding is `file:line: what is wrong`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import regex
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conversation.errors import BadSentence
from conversation.layout import WHATSAPP, units
from conversation.sentences import PLURAL_FORMS, Sentence, Sentences
from loyalty.errors import BadProgramme
from loyalty.programme import LANGUAGES
from loyalty.programme_file import read_programmes

DOMAIN, NLU, RULES, RESPONSES = Path("domain.yml"), Path("data/nlu"), Path("data/rules"), Path("data/responses")
FEWEST = 15
"""Different sentences an intent needs in each language."""
_ANNOTATION = regex.compile(r"\[([^\]]*)\](?:\(([^)]*)\)|\{([^}]*)\})")
_ENTITY = regex.compile(r'"entity":\s*"([^"]+)"')
_REQUIRED_FORMS: Mapping[str, frozenset[str]] = {
    "ar": PLURAL_FORMS,
    **dict.fromkeys(("en", "it", "es", "fr"), frozenset({"one", "other"})),
}
_PER_LANGUAGE = frozenset({"language.name"})


@dataclass(frozen=True, slots=True)
class Example:
    """A training sentence and where it stands."""

    intent: str
    language: str | None
    text: str
    entities: frozenset[str]
    where: str


def check_all(programme: Path) -> list[str]:
    """Every mistake in programme files, sentences, domain, rules and training data."""
    findings: list[str] = []
    try:
        read_programmes(programme)
    except BadProgramme as error:
        findings += str(error).splitlines()
    try:
        findings += check_sentences(Sentences.load(RESPONSES))
    except BadSentence as error:
        findings.append(str(error))
    try:
        findings += check_dialogue(DOMAIN, NLU, RULES, RESPONSES)
    except YAMLError as error:
        findings.append(" ".join(str(error).split()))
    return findings


def check_sentences(sentences: Sentences) -> Iterator[str]:
    """Every sentence exists in every language, with the same gaps and all plural forms, and buttons fit."""
    keys = {key: sentence for language in LANGUAGES for key, sentence in sentences.catalogue[language].items()}
    for key, known in sorted(keys.items()):
        for language in LANGUAGES:
            sentence = sentences.catalogue[language].get(key)
            if sentence is None:
                yield f"{known.file}:{known.line}: {key} is missing in {language}"
                continue
            yield from _sentence(key, language, sentence, known)


def _sentence(key: str, language: str, sentence: Sentence, known: Sentence) -> Iterator[str]:
    where = f"{sentence.file}:{sentence.line}: {key}"
    if sentence.by is None and sentence.gaps() != known.gaps():
        other = ", ".join(sorted(sentence.gaps() ^ known.gaps()))
        yield f"{where}: has other gaps than in {known.file}: {other}"
    if sentence.by is not None and (missing := _REQUIRED_FORMS[language] - set(sentence.forms)):
        yield f"{where}: lacks the plural forms {', '.join(sorted(missing))}"
    limit = {"button": WHATSAPP.button_title, "menu": WHATSAPP.menu}.get(key.partition(".")[0])
    if limit and units(sentence.forms["other"]) > limit:
        yield f"{where}: is {units(sentence.forms['other'])} characters long, WhatsApp shows {limit}"


def check_dialogue(domain: Path, nlu: Path, rules: Path, responses: Path) -> Iterator[str]:
    """Intents, rules, examples and responses fit one another."""
    declared = _read(domain)
    intents = {name: declared["intents"].lc.item(number)[0] + 1 for number, name in enumerate(declared["intents"])}
    entities, actions = set(declared["entities"]), set(declared["actions"])
    ruled = dict(_rules(rules))
    examples = list(_examples(nlu))
    for intent, line in intents.items():
        if intent not in ruled:
            yield f"{domain}:{line}: {intent} has no rule in {rules}/"
        yield from _coverage(f"{domain}:{line}: {intent}", [one for one in examples if one.intent == intent])
    for intent, (action, where) in ruled.items():
        if intent not in intents and intent != "nlu_fallback":
            yield f"{where}: {intent} is no intent of {domain}"
        if action not in actions:
            yield f"{where}: {action} is no action of {domain}"
        if action.startswith("utter_") and not _says(responses, action):
            yield f"{where}: {action} has no sentence in {responses}/"
    yield from _duplicates(examples)
    for example in examples:
        if example.intent not in intents:
            yield f"{example.where}: {example.intent} is no intent of {domain}"
        if example.text.startswith("/"):
            yield f"{example.where}: an example must not begin with a slash"
        if unknown := example.entities - entities:
            yield f"{example.where}: {', '.join(sorted(unknown))} is no entity of {domain}"


def _coverage(where: str, examples: list[Example]) -> Iterator[str]:
    for language in LANGUAGES:
        count = len({_bare(example.text) for example in examples if example.language == language})
        if count < FEWEST:
            yield f"{where} has {count} different sentences in {language}, it needs {FEWEST}"


def _duplicates(examples: list[Example]) -> Iterator[str]:
    seen: dict[str, Example] = {}
    for example in examples:
        first = seen.setdefault(_bare(example.text), example)
        if first is not example and first.intent != example.intent:
            yield f"{example.where}: stands under {first.intent} too ({first.where}): {example.text}"
        elif first is not example and first.language == example.language:
            yield f"{example.where}: stands twice ({first.where}): {example.text}"


def _examples(folder: Path) -> Iterator[Example]:
    for file in sorted(folder.glob("*.yml")):
        for item in _read(file)["nlu"]:
            if "intent" not in item:
                continue
            first = item.lc.value("examples")[0] + 2  # the line after `examples: |`
            language = (item.get("metadata") or {}).get("language")
            for number, line in enumerate(item["examples"].splitlines()):
                text = line.strip().removeprefix("-").strip()
                if text:
                    found = _ANNOTATION.findall(text)
                    named = frozenset(plain or "".join(_ENTITY.findall(rich)) for _, plain, rich in found)
                    bare = _ANNOTATION.sub(r"\1", text)
                    yield Example(item["intent"], language, bare, named, f"{file}:{first + number}")


def _rules(folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for file in sorted(folder.glob("*.yml")):
        for item in _read(file)["rules"]:
            steps = {name: value for step in item["steps"] for name, value in step.items()}
            yield steps["intent"], (steps["action"], f"{file}:{item.lc.line + 1}")


def _says(responses: Path, action: str) -> bool:
    return any(
        regex.search(rf"^{action}:", file.read_text("utf-8"), regex.MULTILINE)
        for file in (responses / LANGUAGES[0]).glob("*.yml")
    )


def _bare(text: str) -> str:
    return " ".join(text.casefold().split())


def _read(file: Path) -> Any:
    return YAML(typ="rt").load(file)
