"""The limits of a template message, as far as they are known without the template's own words."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import Malformed
from connectors.whatsapp.limits_fields import an_object, items, text

Json = Mapping[str, Any]
_NAME = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
_UNWELCOME = re.compile(r"[\n\r\t]| {5,}")
_VALUES = {"payload": 256, "coupon_code": 20, "text": 1024}


def check_template(body: Json) -> None:
    """Raise `Malformed` unless name, language and parameters can be a template's (Meta: "Templates")."""
    template = an_object(body, "template", "")
    if not _NAME.fullmatch(text(template, "name", "template", 512)):
        raise Malformed("template.name: has other signs than a-z, 0-9 and _")
    language = an_object(template, "language", "template")
    if not _LANGUAGE.fullmatch(text(language, "code", "template.language", 16)):
        raise Malformed('template.language.code: is like "en" or "en_US"')
    if "components" not in template:
        return
    places = []
    for place, component in enumerate(items(template, "components", "template", 0, 16)):
        where = f"template.components[{place}]"
        if component.get("type") == "button":
            places.append(_place(component, where))
        for spot, parameter in enumerate(items(component, "parameters", where, 0, 100)):
            _check_parameter(parameter, f"{where}.parameters[{spot}]")
    if len(set(places)) < len(places):
        raise Malformed("template.components: two buttons have the same index")


def _place(component: Json, where: str) -> str:
    place = str(component.get("index"))
    if len(place) != 1 or place not in "0123456789":
        raise Malformed(f"{where}.index: a button's place is 0 to 9")
    text(component, "sub_type", where, 32)
    return place


def _check_parameter(parameter: Json, where: str) -> None:
    kind = text(parameter, "type", where, 32)
    if kind not in _VALUES:
        return
    value = text(parameter, kind, where, _VALUES[kind])
    if kind == "text" and _UNWELCOME.search(value):
        raise Malformed(f"{where}.text: has a line break, a tab or more than four spaces in a row (Meta: 132012)")
