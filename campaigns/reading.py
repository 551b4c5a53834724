"""Reading campaign files, so that a mistake is named with file, line and what is allowed instead."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaigns.design import Design
from campaigns.errors import BadCampaign
from loyalty.errors import BadProgramme
from loyalty.files.yaml_lines import Document, Place, read_yaml

FOLDER = Path("data/campaigns")
_SHAPE = "a campaign is a mapping that begins with id: and programme:"
_PATTERNS = {
    r"^[a-z][a-z0-9_-]{0,63}$": "a short name such as winter-sale (small letters, digits, - and _)",
    r"^[a-z0-9][a-z0-9_-]{0,63}$": "a tag such as vip (small letters, digits, - and _)",
    r"^[a-z0-9_]{1,512}$": "a template's name (small letters, digits and _)",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": 'a time of day in quotes, such as "15:30"',
    r"^[A-Z]{3}$": "a currency such as EUR",
    r"^https://[^\s/]+/\S+$": "an address that begins with https://",
    r"^[a-z][a-z_]{0,31}$": "the name of a gap (small letters and _)",
    r"^[a-z][a-z_]{0,63}$": "an intent such as check_points",
}


def read_campaign(file: Path) -> Design:
    """Read a campaign file. Raises `BadCampaign` with all mistakes, a line each."""
    return read_file(file)[0]


def read_file(file: Path) -> tuple[Design, Document]:
    """Read a campaign file, and keep where everything stands. Raises `BadCampaign`."""
    try:
        document = read_yaml(file)
    except BadProgramme as error:
        said = str(error).replace("a programme is a mapping that begins with id: and name:", _SHAPE)
        raise BadCampaign(said) from None
    try:
        return Design.model_validate_json(document.json(), strict=True), document
    except ValidationError as error:
        found = sorted({(document.line(place), words) for place, words in _explained(error)})
        raise BadCampaign("\n".join(f"{file}:{line}: {words}" for line, words in found)) from None


def campaign_files(folder: Path = FOLDER) -> list[Path]:
    """The campaign files of a folder, by name; none if there is no such folder."""
    return sorted(folder.glob("*.yml")) if folder.is_dir() else []


def _explained(error: ValidationError) -> Iterator[tuple[Place, str]]:
    told: set[Place] = set()
    for problem in error.errors(include_url=False):
        place = _in_file(tuple(problem["loc"]))
        if "values" in place:  # of all kinds of value that it is not, one line is enough
            place = place[: place.index("values") + 2]
            if place in told:
                continue
            told.add(place)
            yield place, f"{_name(place)}: takes words, a number, {{field: …}} or words in each language"
            continue
        yield place, f"{_name(place)}: {_said(problem, place)}"


def _in_file(place: tuple[Any, ...]) -> Place:
    """The place without the names pydantic gives to the kinds of a union, and to keys."""
    kinds = {"bool", "str", "int", "Known", "constrained-str", "[key]", "float"}
    return tuple(one for one in place if not (isinstance(one, str) and (one in kinds or "[" in one)))


def _name(place: Place) -> str:
    return ".".join(map(str, place)) or "campaign"


def _said(problem: Mapping[str, Any], place: Place) -> str:
    said = str(problem["msg"]).removeprefix("Value error, ")
    match problem["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(place[-1]), _keys(), n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/campaigns.md lists what there is"
            return f"this key is not known here; {hint}"
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            pattern = problem["ctx"]["pattern"]
            return f"takes {_PATTERNS.get(pattern, 'another form')}, not {str(problem['input'])[:40]!r}"
    return said[:1].lower() + said[1:]


@cache
def _keys() -> list[str]:
    """Every key that a campaign file has anywhere."""
    schema = Design.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return sorted({key for part in parts for key in part.get("properties", {})})
