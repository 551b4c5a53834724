"""The Graph API's side of templates: list, create, edit, delete, and the example of a picture."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import aiohttp

from connectors.errors import NotConfigured
from connectors.whatsapp.graph import GraphConfig
from connectors.whatsapp.templates.problems import TemplateRefused, refusal

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
FIELDS = "name,language,status,category,correct_category,quality_score,rejected_reason,components"
PAGE, PAGES = 100, 200
EDITABLE = frozenset({"approved", "rejected", "paused"})
"""States in which Meta takes an edit ("Template management")."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A template as Meta has it; words in small letters."""

    id: str
    name: str
    language: str
    status: str
    category: str
    due: str = ""
    """The category it is to have; empty if it is to keep its own."""
    quality: str | None = None
    reason: str | None = None
    components: object = None


class TemplatesApi:
    """A client of the template endpoints of one business account. Use as an async context manager.

    Every method raises `TemplateRefused` with one line for the operator.
    """

    def __init__(self, config: GraphConfig, account_id: str, app_id: str = "") -> None:
        self._url = config.url.rstrip("/")
        self._account = f"{account_id}/message_templates"
        self._app_id = app_id
        self._token = config.access_token
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "TemplatesApi":
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def all(self) -> list[Remote]:
        """Every template of the account, page after page."""
        found: list[Remote] = []
        after: str | None = None
        for _ in range(PAGES):
            query = {"fields": FIELDS, "limit": str(PAGE)} | ({"after": after} if after else {})
            answer = await self._call("GET", self._account, params=query)
            found += [remote for item in answer.get("data") or () if (remote := _remote(item)) is not None]
            paging = answer.get("paging") or {}
            following = (paging.get("cursors") or {}).get("after") if paging.get("next") else None
            if not following or following == after:
                break
            after = following
        return found

    async def create(self, request: Mapping[str, Any]) -> Remote:
        """Hand a template in; the answer says what Meta makes of its category."""
        answer = await self._call("POST", self._account, body=request)
        id_ = str(answer.get("id") or "")
        if not id_:
            raise TemplateRefused("the Graph API did not say the template's id; run `passaparola templates sync`")
        status, category = _small(answer.get("status")), _small(answer.get("category"))
        return Remote(
            id_, str(request["name"]), str(request["language"]), status or "pending",
            category or str(request["category"]).lower(),
        )  # fmt: skip

    async def edit(self, id_: str, body: Mapping[str, Any]) -> None:
        """Put other components, or another category, in the place of those there are."""
        await self._call("POST", id_, body=body)

    async def delete(self, name: str) -> None:
        """Delete a template in all its languages."""
        await self._call("DELETE", self._account, params={"name": name})

    async def upload(self, file: Path) -> str:
        """Hand in the example of a picture (Meta: "Resumable Upload API"); returns its handle."""
        if not self._app_id:
            raise NotConfigured("WHATSAPP_APP_ID is not set: a template with a picture needs it for its example")
        try:
            data = await asyncio.to_thread(file.read_bytes)
        except OSError as error:
            raise TemplateRefused(f"{file}: cannot be read: {error.strerror}") from None
        kind = guess_type(file.name)[0] or "image/jpeg"
        query = {"file_name": file.name, "file_length": str(len(data)), "file_type": kind}
        begun = await self._call("POST", f"{self._app_id}/uploads", params=query)
        told = await self._call("POST", str(begun.get("id")), data=data, token="OAuth")  # noqa: S106 -- the scheme's name
        return str(told.get("h") or "")

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None,
        data: bytes | None = None, token: str = "Bearer",  # noqa: S107 -- the scheme's name
    ) -> Mapping[str, Any]:  # fmt: skip
        assert self._session is not None, "use `async with TemplatesApi(…)`"
        headers = {"Authorization": f"{token} {self._token}"}
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = "application/json"
        elif data is not None:
            headers["file_offset"] = "0"
        try:
            async with self._session.request(
                method, f"{self._url}/{path}", params=params, data=data, headers=headers
            ) as response:
                status, raw = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            said = f"the Graph API cannot be reached: {type(error).__name__}; try again later"
            raise TemplateRefused(said, stops=True) from error
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "error" in answer or status >= 400:
            raise refusal(status, answer)
        return answer


def _remote(item: object) -> Remote | None:
    """A template of a list; None for something that is none."""
    fields = item if isinstance(item, dict) else {}
    id_, name, language = (fields.get(key) for key in ("id", "name", "language"))
    if not id_ or not isinstance(name, str) or not isinstance(language, str):
        return None
    score = fields.get("quality_score")
    reason = fields.get("rejected_reason")
    due = _small(fields.get("correct_category"))
    category = _small(fields.get("category"))
    return Remote(
        str(id_), name, language, _small(fields.get("status")), category, "" if due == category else due,
        _small(score.get("score")) if isinstance(score, dict) else None,
        str(reason) if reason and reason != "NONE" else None, fields.get("components"),
    )  # fmt: skip


def _small(word: object) -> str:
    return word.lower()[:32] if isinstance(word, str) else ""
