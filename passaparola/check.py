"""`passaparola check`: what designers edit, looked at as a whole. Every finding is `file:line: what is wrong`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import regex
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conversation.choosing.opting import OptWords
from conversation.errors import BadSentence
from conversation.messages.layout import WHATSAPP, units
from conversation.saying.sentences import PLURAL_FORMS, Sentence, Sentences
from loyalty.files.advice import advise
from loyalty.files.reading import clashes, programme_files, read_each
from loyalty.programme import LANGUAGES
from passaparola.check_campaigns import check_campaign_files
from passaparola.check_data import check_data, coverage, repetitions
from passaparola.check_templates import TEMPLATES, check_templates
from passaparola.examples import Example, items, read_examples, whole_list

OPT_WORDS = Path("data/words/opting.yml")
READY_MADE = Path("programmes")
WARNING = "warning: "
"""What stands before a finding that is allowed."""
DOMAIN, NLU, RULES, RESPONSES = Path("domain.yml"), Path("data/nlu"), Path("data/rules"), Path("data/responses")
_REQUIRED_FORMS: Mapping[str, frozenset[str]] = {
    "ar": PLURAL_FORMS,
    **dict.fromkeys(("en", "it", "es", "fr"), frozenset({"one", "other"})),
}
_PER_LANGUAGE = frozenset({"language.name"})


def check_all(programme: Path, *, today: date) -> list[str]:
    """Every mistake in programmes, sentences, templates, domain and training data; and what is probably not meant."""
    findings = list(check_programmes(programme, today))
    try:
        sentences = Sentences.load(RESPONSES)
        findings += [*check_sentences(sentences), *check_buttons(RESPONSES / "buttons.yml", sentences)]
        findings += check_templates(TEMPLATES, sentences, asks=_intents(DOMAIN))
        findings += check_campaign_files(programme, READY_MADE, sentences)
    except BadSentence as error:
        findings.append(str(error))
    try:
        OptWords.load(OPT_WORDS)
    except BadSentence as error:
        findings.append(str(error))
    try:
        examples = list(read_examples(NLU))
        findings += check_dialogue(DOMAIN, examples, RULES, RESPONSES)
        findings += check_data(examples, warning=WARNING)
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


def check_dialogue(domain: Path, examples: Sequence[Example], rules: Path, responses: Path) -> Iterator[str]:
    """Intents, rules, examples and responses fit one another."""
    intents, entities, actions = (names(domain, key) for key in ("intents", "entities", "actions"))
    ruled = dict(_rules(rules))
    for intent, line in intents.items():
        if intent not in ruled:
            yield f"{domain}:{line}: {intent} has no rule in {rules}/"
        yield from coverage(f"{domain}:{line}: {intent}", [one for one in examples if one.intent == intent])
    for intent, (action, heard, where) in ruled.items():
        if intent not in intents and intent != "nlu_fallback":
            yield f"{heard}: {intent} is no intent of {domain}"
        if action not in actions:
            yield f"{where}: {action} is no action of {domain}"
        if action.startswith("utter_") and not _says(responses, action):
            yield f"{where}: {action} has no sentence in {responses}/"
    yield from repetitions(examples)
    for example in examples:
        if example.intent not in intents:
            yield f"{example.where}: {example.intent} is no intent of {domain}"
        if example.text.startswith("/"):
            yield f"{example.where}: an example must not begin with a slash"
        if unknown := example.entities - entities.keys():
            yield f"{example.where}: {', '.join(sorted(unknown))} is no entity of {domain}"


def _rules(folder: Path) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Of each rule its intent, its action, and where the two stand."""
    for file in sorted(folder.glob("*.yml")):
        for item in items(file, "rules"):
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


def _intents(file: Path) -> dict[str, int] | None:
    """The intents of the domain; None if it cannot be read, which `check_dialogue` says."""
    try:
        return names(file, "intents")
    except YAMLError:
        return None


def names(file: Path, key: str) -> dict[str, int]:
    """The names a list of the domain declares, and their lines."""
    found = whole_list(file, key)
    plain = [str(next(iter(name))) if isinstance(name, Mapping) and name else str(name) for name in found]
    return {name: found.lc.item(number)[0] + 1 for number, name in enumerate(plain)}
