"""`/openapi.json`: written from the models, so that it says what the code does."""

from typing import Any

from apispec import APISpec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.schemas import (
    ActivityEvent,
    ErrorAnswer,
    EventResult,
    LedgerPage,
    MemberOut,
    PurchaseEvent,
    RefundEvent,
)

_MODELS: tuple[type[BaseModel], ...] = (
    PurchaseEvent, RefundEvent, ActivityEvent, EventResult, MemberOut, LedgerPage, ErrorAnswer,
)  # fmt: skip


def describe(version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the service."""
    spec = APISpec("Passaparola", version, "3.1.0", info={"description": "Loyalty and referral inside WhatsApp."})
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    for name, schema in schemas["$defs"].items():
        spec.components.schema(name, schema)
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    event = {"oneOf": [_ref(PurchaseEvent), _ref(RefundEvent), _ref(ActivityEvent)]}
    body = {"oneOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": 1000}]}
    result = {
        "oneOf": [_ref(EventResult), {"type": "object", "properties": {"results": {"type": "array", "items": {}}}}]
    }
    spec.path(
        "/v1/events",
        operations={
            "post": _operation(
                "Report a purchase, a refund or an activity, or up to 1,000 of them",
                result,
                parameters=[_parameter("Idempotency-Key", "header")],
                requestBody={"required": True, "content": {"application/json": {"schema": body}}},
            )
        },
    )
    ref = _parameter("ref", "path", required=True)
    spec.path("/v1/members/{ref}", operations={"get": _operation("A member", _ref(MemberOut), parameters=[ref])})
    paging = [ref, _parameter("limit", "query"), _parameter("cursor", "query")]
    spec.path(
        "/v1/members/{ref}/ledger",
        operations={"get": _operation("Her ledger, newest first", _ref(LedgerPage), parameters=paging)},
    )
    code = _parameter("code", "path", required=True)
    spec.path("/r/{code}", operations={"get": {"parameters": [code], "responses": {"302": {"description": "a chat"}}}})
    return dict(spec.to_dict())


def _operation(summary: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    wrong = {"description": "what is wrong", "content": {"application/json": {"schema": _ref(ErrorAnswer)}}}
    return {
        "summary": summary,
        "security": [{"key": []}],
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": schema}}},
            **dict.fromkeys(("401", "404", "409", "422", "503"), wrong),
        },
        **more,
    }


def _parameter(name: str, where: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
