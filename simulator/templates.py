"""The shape of a template message: its name, its language and its parameters.

In: a body whose ``type`` is template. Out: nothing, or ``Rejected``. What the template itself says is known only to
Meta, so the number of parameters cannot be checked here.
Sources: Meta's page "Templates", `TemplateObject` of facebook/openapi; line breaks: netflie/whatsapp-cloud-api#201.
"""

from __future__ import annotations

import re

from simulator.errors import Rejected
from simulator.shape import INVALID, PARAMETER, Body, as_object, choice_of, object_of, text_of

NAME_LENGTH = 512
NAME = re.compile(r"[a-z0-9_]+")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
VALUE = 1024
BUTTON_INDEX = re.compile(r"[0-9]")
UNWELCOME = re.compile(r"[\n\r\t]| {5,}")
COMPONENTS = frozenset(
    ("header", "body", "footer", "button", "carousel", "limited_time_offer", "order_status", "tap_target_configuration")
)


def check_template(body: Body) -> None:
    """Refuse ``body`` unless its template part has a possible name, language and parameters."""
    template = object_of(body, "template", "", ("name", "language", "components", "namespace"))
    if not NAME.fullmatch(text_of(template, "name", "template", NAME_LENGTH)):
        raise Rejected(INVALID, "Param template.name may have a-z, 0-9 and _ only.")
    language = object_of(template, "language", "template", ("code", "policy"))
    code = text_of(language, "code", "template.language", 16)
    if not LANGUAGE.fullmatch(code):
        raise Rejected(INVALID, f'Param template.language.code must be like "en" or "en_US" - got "{code}".')
    components = template.get("components", [])
    if not isinstance(components, list):
        raise Rejected(PARAMETER, "Param template.components must be an array.")
    for number, component in enumerate(components):
        _check_component(component, f"template.components[{number}]")


def _check_component(component: object, where: str) -> None:
    known = as_object(component, where)
    kind = known.get("type")
    choice_of({"type": kind.lower() if isinstance(kind, str) else kind}, "type", where, COMPONENTS)
    if kind == "button":
        text_of(known, "sub_type", where, 32)
        if not BUTTON_INDEX.fullmatch(str(known.get("index"))):
            raise Rejected(INVALID, f"Param {where}.index must be 0 to 9.")
    parameters = known.get("parameters", [])
    if not isinstance(parameters, list):
        raise Rejected(PARAMETER, f"Param {where}.parameters must be an array.")
    for number, parameter in enumerate(parameters):
        _check_parameter(parameter, f"{where}.parameters[{number}]")


def _check_parameter(parameter: object, where: str) -> None:
    known = as_object(parameter, where)
    kind = text_of(known, "type", where, 32)
    if kind == "text":
        value = text_of(known, "text", where, VALUE)
        if UNWELCOME.search(value):
            details = "cannot have new-line/tab characters or more than 4 consecutive spaces"
            raise Rejected(132012, f"Param {where}.text {details}.")
    elif kind == "payload":
        text_of(known, "payload", where, 256)
