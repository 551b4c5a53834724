"""Is this a template that Meta would take? In: the request that creates it. Out: nothing, or ``TemplateRejected``.

Sources: Meta's "Templates", "Template components", "Error codes" (template creation). How many words a gap needs is
not published; two for each and one more is what guides agree on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from simulator.errors import Rejected
from simulator.shape import units

Json = Mapping[str, Any]

GAP: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
CATEGORIES: Final = frozenset({"UTILITY", "MARKETING", "AUTHENTICATION"})
LONGEST: Final = {"HEADER": 60, "BODY": 1024, "FOOTER": 60}
MALFORMED: Final = {"HEADER": 2388047, "BODY": 2388072, "FOOTER": 2388073}
MOST: Final = {"QUICK_REPLY": 10, "URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1}


class TemplateRejected(Rejected):
    """An error of the template endpoints: they tell a subcode, and what a person should read."""

    def __init__(self, code: int, subcode: int | None, said: str, *, http_status: int | None = None) -> None:
        super().__init__(code, said, http_status=http_status)
        self.subcode = subcode

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        body = super().body()
        error = body["error"]
        del error["error_data"]
        error |= {"error_user_title": self.title, "error_user_msg": self.details, "is_transient": False}
        return body if self.subcode is None else {"error": error | {"error_subcode": self.subcode}}


def gaps_in(text: str) -> list[str]:
    """The gaps of a text, each once, in order."""
    return list(dict.fromkeys(GAP.findall(text)))


def check_creation(request: Json) -> None:
    """Refuse a template that breaks a documented rule."""
    if not NAME.fullmatch(str(request.get("name", ""))):
        raise TemplateRejected(100, None, "Param name must have a-z, 0-9 and _ only, at most 512.")
    if str(request.get("category", "")).upper() not in CATEGORIES:
        raise TemplateRejected(100, None, "Param category must be one of AUTHENTICATION, MARKETING, UTILITY.")
    if not LANGUAGE.fullmatch(str(request.get("language", ""))):
        raise TemplateRejected(100, None, "Param language must be a language code.")
    components = request.get("components")
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise TemplateRejected(100, None, "Param components must be an array of objects.")
    parts = {str(part.get("type", "")).upper(): part for part in components}
    if "BODY" not in parts or len(parts) < len(components):
        raise TemplateRejected(100, 2388072, "A template has one body, and no part twice.")
    named = str(request.get("parameter_format", "POSITIONAL")).upper() == "NAMED"
    for kind in LONGEST:
        if kind in parts:
            _check_part(kind, parts[kind], named)
    _check_buttons(parts.get("BUTTONS", {}).get("buttons", []))


def _check_part(kind: str, part: Json, named: bool) -> None:
    if kind == "HEADER" and str(part.get("format", "")).upper() != "TEXT":
        if not (part.get("example") or {}).get("header_handle"):
            raise TemplateRejected(100, 2388047, "A header with a medium needs an example: header_handle.")
        return
    text = part.get("text")
    if not isinstance(text, str) or not text.strip():
        raise TemplateRejected(100, MALFORMED[kind], f"The {kind} has no text.")
    if units(text) > LONGEST[kind]:
        raise TemplateRejected(100, 2388040, f"The {kind} has more than {LONGEST[kind]} characters.")
    gaps = gaps_in(text)
    if not gaps:
        return
    if kind == "FOOTER":
        raise TemplateRejected(100, 2388073, "A footer has no variables.")
    if named and not all(re.fullmatch(r"[a-z_]+", gap) for gap in gaps):
        raise TemplateRejected(100, MALFORMED[kind], "Named parameters have small letters and underscores.")
    _check_examples(kind, part.get("example") or {}, gaps, named)
    if kind == "BODY":
        _check_body(text, len(gaps))


def _check_body(text: str, gaps: int) -> None:
    bare = re.compile(r"[\W_]*")
    first, last = GAP.search(text), list(GAP.finditer(text))[-1]
    assert first is not None
    if bare.fullmatch(text[: first.start()]) or bare.fullmatch(text[last.end() :]):
        raise TemplateRejected(100, 2388299, "Variables can't be at the start or end of the template.")
    words = [word for word in GAP.sub(" ", text).split() if not bare.fullmatch(word)]
    if len(words) < 2 * gaps + 1:
        raise TemplateRejected(100, 2388293, "This template has too many variables for its length.")


def _check_examples(kind: str, example: Json, gaps: list[str], named: bool) -> None:
    key = f"{kind.lower()}_text"
    if named:
        told = {str(one.get("param_name")) for one in example.get(f"{key}_named_params", ()) if one.get("example")}
        complete = told == set(gaps)
    else:
        given = example.get(key) or []
        complete = len(given[0] if kind == "BODY" and given else given) == len(gaps)
    if not complete:
        raise TemplateRejected(100, 2388043, f"The {kind} needs an example for each variable.")


def _check_buttons(buttons: object) -> None:
    if not isinstance(buttons, list) or len(buttons) > 10:
        raise TemplateRejected(100, None, "A template has at most 10 buttons.")
    kinds = [str(button.get("type", "")).upper() for button in buttons]
    for kind in kinds:
        if kind not in MOST or kinds.count(kind) > MOST[kind]:
            raise TemplateRejected(100, None, f"Too many buttons of type {kind}, or no such type.")
    quick = [kind == "QUICK_REPLY" for kind in kinds]
    if quick not in (sorted(quick), sorted(quick, reverse=True)):
        raise TemplateRejected(100, None, "Invalid combination: quick replies must be grouped together.")
    for button, kind in zip(buttons, kinds, strict=True):
        title = button.get("text", "")
        if kind != "COPY_CODE" and not 0 < units(str(title)) <= 25:
            raise TemplateRejected(100, 2388040, "The text of a button has 1 to 25 characters.")
        url = str(button.get("url", ""))
        if units(url) > 2000:
            raise TemplateRejected(100, 2388040, "The URL of a button has at most 2000 characters.")
        if "{{" in url and (not url.endswith("{{1}}") or url.count("{{") > 1):
            raise TemplateRejected(100, None, "The variable of a URL is {{1}}, at its end.")
        if ("{{" in url or kind == "COPY_CODE") and not button.get("example"):
            raise TemplateRejected(100, 2388043, "This button needs an example.")
