"""Checking campaign files: beside what the model says, that what they name exists. Every mistake is `file:line: …`."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from campaigns.design import Design, Saying
from campaigns.errors import BadCampaign
from campaigns.reading import campaign_files, read_file
from campaigns.wording import FIELDS, mistakes_in
from conversation.saying.sentences import Sentences
from loyalty.files.yaml_lines import Place
from loyalty.programme import Programme

Templates = Mapping[str, Collection[str]]
"""The templates there are, each with the names of its gaps."""
Found = tuple[Place, str]


def check_campaigns(
    folder: Path, sentences: Sentences, templates: Templates, programmes: Mapping[str, Programme], *,
    complete: bool = True,
) -> Iterator[str]:  # fmt: skip
    """Every mistake of the campaign files of a folder. Unless `complete`, there are programmes nobody could read."""
    ids: dict[tuple[str, str], Path] = {}
    for file in campaign_files(folder):
        try:
            design, document = read_file(file)
        except BadCampaign as error:
            yield from str(error).splitlines()
            continue
        if design.programme not in programmes and not complete:
            continue  # what is wrong with its programme is told, and comes first
        for place, said in check_design(design, sentences, templates, programmes):
            yield f"{file}:{document.line(place)}: {'.'.join(map(str, place))}: {said}"
        first = ids.setdefault((design.programme, design.id), file)
        if first is not file:
            yield f"{file}:{document.line(('id',))}: id: {design.id} is the id of {first} too"


def check_design(
    design: Design, sentences: Sentences, templates: Templates, programmes: Mapping[str, Programme]
) -> Iterator[Found]:
    """The mistakes of one campaign: where they stand, and what is wrong."""
    programme = programmes.get(design.programme)
    if programme is None:
        known = ", ".join(sorted(programmes)) or "none"
        yield ("programme",), f"there is no programme {design.programme}; there is: {known}"
    else:
        yield from _audience(design, programme)
    for place, saying in _sayings(design):
        yield from _saying(place, saying, sentences, templates)


def _sayings(design: Design) -> Iterator[tuple[Place, Saying]]:
    if design.message is not None:
        yield ("message",), design.message
    for number, variant in enumerate(design.variants):
        yield ("variants", number, "message"), variant.message


def _saying(place: Place, saying: Saying, sentences: Sentences, templates: Templates) -> Iterator[Found]:
    for said in mistakes_in(saying, sentences):
        yield place, said
    if saying.template is None:
        return
    if saying.template not in templates:
        yield (*place, "template"), f"there is no data/templates/{saying.template}.yml"
        return
    gaps = templates[saying.template]
    for gap in sorted(gaps):
        if gap not in saying.values and gap not in FIELDS:
            yield (*place, "template"), f"nothing is said of its gap {{{gap}}}; set it under values"


def _audience(design: Design, programme: Programme) -> Iterator[Found]:
    levels = {level.id for level in programme.tiers.levels} if programme.tiers else set()
    for segment in design.audience.inner():
        for tier in sorted((segment.tiers or frozenset()) - levels):
            yield ("audience",), f"names the tier {tier}; the programme has: {', '.join(sorted(levels)) or 'none'}"
        wanted = segment.reward_in_reach
        if isinstance(wanted, str) and programme.reward(wanted) is None:
            yield ("audience",), f"names the reward {wanted}, which the programme does not have"
