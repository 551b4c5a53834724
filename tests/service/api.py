"""`/v1` as a till or a tool calls it."""

from dataclasses import dataclass
from typing import Any

from tests.service.conftest import ANNA, KEY, Client

MEMBER = f"/v1/members/phone:{ANNA}"
BEA = "+393337654321"


@dataclass(frozen=True)
class Api:
    """Calls with a key; each returns the status and the JSON of the answer."""

    client: Client
    key: str = KEY["Authorization"]

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.client.get(path, headers={"Authorization": self.key}) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self.client.post(path, json=body, headers={"Authorization": self.key, **headers}) as response:
            return response.status, await response.json()

    async def delete(self, path: str) -> tuple[int, Any]:
        async with self.client.delete(path, headers={"Authorization": self.key}) as response:
            return response.status, await response.json()

    async def ok(self, path: str, body: Any = None) -> Any:
        """A change that is taken."""
        status, answer = await self.post(path, body if body is not None else {})
        assert status == 200, answer
        return answer

    async def seen(self, path: str = MEMBER) -> Any:
        """What is there."""
        status, answer = await self.get(path)
        assert status == 200, answer
        return answer

    async def buys(self, id_: str, amount: str, *, phone: str = ANNA, **more: Any) -> tuple[int, Any]:
        event = {
            "type": "purchase", "id": id_, "member": {"phone": phone}, "amount": amount, "currency": "EUR", **more,
        }  # fmt: skip
        return await self.post("/v1/events", event)

    async def refused(self, path: str, body: Any = None) -> str:
        """Why a change is refused: the code of the error."""
        status, answer = await self.post(path, body if body is not None else {})
        assert status in {403, 404, 409, 410, 422}, answer
        code: str = answer["error"]["code"]
        return code
