"""`/openapi.json`: written from the routes and their models, so that it says what the code does."""

import re
from typing import Any, Literal

from apispec import APISpec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.routes import Route
from service.schemas.common import ErrorAnswer
from service.schemas.events import EVENTS, EventResult

_GAP = re.compile(r"\{(\w+)\}")


def describe(version: str, routes: tuple[Route, ...]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the service."""
    spec = APISpec("Passaparola", version, "3.1.0", info={"description": "Loyalty and referral inside WhatsApp."})
    models: set[type[BaseModel]] = {ErrorAnswer, EventResult, *EVENTS}
    models |= {model for route in routes for model in (route.takes, route.gives) if model is not None}
    wanted: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (model, "validation") for model in sorted(models, key=lambda model: model.__name__)
    ]
    _, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    for name, schema in schemas["$defs"].items():
        spec.components.schema(name, schema)
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for route in routes:
        spec.path(route.path, operations={route.method.lower(): _operation(route)})
    code = _parameter("code", "path", required=True)
    spec.path("/r/{code}", operations={"get": {"parameters": [code], "responses": {"302": {"description": "a chat"}}}})
    return dict(spec.to_dict())


def _operation(route: Route) -> dict[str, Any]:
    wrong = {"description": "what is wrong", "content": {"application/json": {"schema": _ref(ErrorAnswer)}}}
    parameters = [_parameter(name, "path", required=True) for name in _GAP.findall(route.path)]
    parameters += [_parameter(name, "query") for name in ("programme", *route.query)]
    if route.method == "POST":
        parameters.append(_parameter("Idempotency-Key", "header"))
    return {
        "summary": route.summary,
        "description": f"Needs a key with the scope `{route.scope}`.",
        "security": [{"key": []}],
        "parameters": parameters,
        "responses": {
            str(route.status): {"description": "done", "content": {"application/json": {"schema": _answer(route)}}},
            **dict.fromkeys(("401", "403", "404", "409", "410", "422", "503"), wrong),
        },
        **({"requestBody": _body(route)} if route.takes is not None or route.path == "/v1/events" else {}),
    }


def _answer(route: Route) -> dict[str, Any]:
    if route.gives is not EventResult:
        return _ref(route.gives)
    many = {"type": "object", "properties": {"results": {"type": "array", "items": {}}}}
    return {"oneOf": [_ref(EventResult), many]} if route.path == "/v1/events" else _ref(EventResult)


def _body(route: Route) -> dict[str, Any]:
    if route.takes is not None:
        schema: dict[str, Any] = _ref(route.takes)
    else:
        event = {"oneOf": [_ref(model) for model in EVENTS]}
        schema = {"oneOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": 1000}]}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, where: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
