"""`passaparola check`: what designers edit, looked at as a whole. Every finding is `file:line: what is wrong`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import regex
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conversation.errors import BadSentence
from conversation.layout import WHATSAPP, units
from conversation.opting import OptWords
from conversation.sentences import PLURAL_FORMS, Sentence, Sentences
from loyalty.files.advice import advise
from loyalty.files.reading import clashes, programme_files, read_each
from loyalty.programme import LANGUAGES

OPT_WORDS = Path("data/words/opting.yml")
READY_MADE = Path("programmes")
WARNING = "warning: "
"""What stands before a finding that is allowed."""
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


def check_all(programme: Path, *, today: date) -> list[str]:
    """Every mistake in programme files, sentences, domain, rules and training data; and what is probably not meant."""
    findings = list(check_programmes(programme, today))
    try:
        sentences = Sentences.load(RESPONSES)
        findings += [*check_sentences(sentences), *check_buttons(RESPONSES / "buttons.yml", sentences)]
    except BadSentence as error:
        findings.append(str(error))
    try:
        OptWords.load(OPT_WORDS)
    except BadSentence as error:
        findings.append(str(error))
    try:
        findings += check_dialogue(DOMAIN, NLU, RULES, RESPONSES)
    except YAMLError as error:
        findings.append(str(error))
    return findings


def check_programmes(programme: Path, today: date) -> Iterator[str]:
    """The mistakes of the programmes that are set, and of the ready-made ones; then what is probably not meant."""
    found, wrong = read_each(programme)
    yield from wrong
    yield from clashes(found)
    read = {file.resolve() for file in programme_files(programme)}
    for file in programme_files(READY_MADE) if READY_MADE.is_dir() else ():
        if file.resolve() not in read:
            others, wrong = read_each(file)
            found += others
            yield from wrong
    for one in found:
        for place, said in advise(one.programme, today):
            yield f"{one.where(place)}: {WARNING}{said}"


def check_buttons(file: Path, sentences: Sentences) -> Iterator[str]:
    """What `buttons.yml` names exists: the response, and a title for each question under it."""
    rows: Any = YAML(typ="rt").load(file.read_text("utf-8")) or {}
    for response, intents in rows.items():
        where = f"{file}:{rows.lc.key(response)[0] + 1}"
        if not sentences.knows(response):
            yield f"{where}: there is no sentence {response}"
        for intent in intents:
            if not sentences.knows(f"button.{intent}"):
                yield f"{where}: {response}: there is no sentence button.{intent} for the title"


def check_sentences(sentences: Sentences) -> Iterator[str]:
    """Every sentence exists in every language, with the same gaps and all plural forms, and buttons fit."""
    for key in sorted({key for language in LANGUAGES for key in sentences.catalogue[language]}):
        known = {language: found[key] for language in LANGUAGES if key in (found := sentences.catalogue[language])}
        first = next(iter(known.values()))
        usual = Counter(sentence.gaps() for sentence in known.values()).most_common(1)[0][0]
        for language in LANGUAGES:
            if language in known:
                yield from _sentence(key, language, known[language], usual)
            else:
                yield f"{first.file}:{first.line}: {key} is missing in {language}"


def _sentence(key: str, language: str, sentence: Sentence, usual: frozenset[str]) -> Iterator[str]:
    where = f"{sentence.file}:{sentence.line}: {key}"
    if sentence.gaps() != usual:
        other = ", ".join(sorted(sentence.gaps() ^ usual))
        yield f"{where}: has other gaps than the other languages: {other}"
    if sentence.by is not None and (missing := _REQUIRED_FORMS[language] - set(sentence.forms)):
        yield f"{where}: lacks the plural forms {', '.join(sorted(missing))}"
    limit = {"button": WHATSAPP.button_title, "menu": WHATSAPP.menu}.get(key.partition(".")[0])
    if limit and units(sentence.forms["other"]) > limit:
        yield f"{where}: is {units(sentence.forms['other'])} characters long, WhatsApp shows {limit}"


def check_dialogue(domain: Path, nlu: Path, rules: Path, responses: Path) -> Iterator[str]:
    """Intents, rules, examples and responses fit one another."""
    intents, entities, actions = (_names(domain, key) for key in ("intents", "entities", "actions"))
    ruled = dict(_rules(rules))
    examples = list(read_examples(nlu))
    for intent, line in intents.items():
        if intent not in ruled:
            yield f"{domain}:{line}: {intent} has no rule in {rules}/"
        yield from _coverage(f"{domain}:{line}: {intent}", [one for one in examples if one.intent == intent])
    for intent, (action, heard, where) in ruled.items():
        if intent not in intents and intent != "nlu_fallback":
            yield f"{heard}: {intent} is no intent of {domain}"
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
        if unknown := example.entities - entities.keys():
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


def read_examples(folder: Path) -> Iterator[Example]:
    """The training sentences of a folder, in the order of the files."""
    for file in sorted(folder.glob("*.yml")):
        for item in _items(file, "nlu"):
            if "intent" not in item:
                continue
            if not isinstance(item.get("examples"), str):
                raise YAMLError(f"{file}:{item.lc.line + 1}: {item['intent']} has no `examples: |`")
            first = item.lc.value("examples")[0] + 2  # the line after `examples: |`
            language = (item.get("metadata") or {}).get("language")
            for number, line in enumerate(item["examples"].splitlines()):
                text = line.strip().removeprefix("-").strip()
                if text:
                    found = _ANNOTATION.findall(text)
                    named = frozenset(plain or "".join(_ENTITY.findall(rich)) for _, plain, rich in found)
                    bare = _ANNOTATION.sub(r"\1", text)
                    yield Example(item["intent"], language, bare, named, f"{file}:{first + number}")


def _rules(folder: Path) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Of each rule its intent, its action, and where the two stand."""
    for file in sorted(folder.glob("*.yml")):
        for item in _items(file, "rules"):
            steps = item.get("steps")
            steps = [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
            said = {name: (value, f"{file}:{step.lc.line + 1}") for step in steps for name, value in step.items()}
            if not {"intent", "action"} <= said.keys():
                raise YAMLError(f"{file}:{item.lc.line + 1}: a rule needs `steps:` with an intent and an action")
            (intent, heard), (action, where) = said["intent"], said["action"]
            yield intent, (action, heard, where)


def _says(responses: Path, action: str) -> bool:
    return any(
        regex.search(rf"^{action}:", file.read_text("utf-8"), regex.MULTILINE)
        for file in (responses / LANGUAGES[0]).glob("*.yml")
    )


def _bare(text: str) -> str:
    return " ".join(text.casefold().split())


def _names(file: Path, key: str) -> dict[str, int]:
    """The names a list of the domain declares, and their lines."""
    names = _list(file, key)
    plain = [str(next(iter(name))) if isinstance(name, Mapping) and name else str(name) for name in names]
    return {name: names.lc.item(number)[0] + 1 for number, name in enumerate(plain)}


def _items(file: Path, key: str) -> list[Any]:
    """The mappings in a list of a training file."""
    items = _list(file, key)
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise YAMLError(f"{file}:{items.lc.item(number)[0] + 1}: {item} is no mapping")
    return list(items)


def _list(file: Path, key: str) -> Any:
    """A list of a file, with the positions of its items. Raises `YAMLError` naming file and line."""
    try:
        document: Any = YAML(typ="rt").load(file.read_text("utf-8"))
    except OSError as error:
        raise YAMLError(f"{file}:1: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise YAMLError(f"{file}:1: is not UTF-8 text") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise YAMLError(f"{file}:{mark.line + 1 if mark else 1}: no valid YAML") from None
    found = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        raise YAMLError(f"{file}:1: needs a list under `{key}:`")
    return found
