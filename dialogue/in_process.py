"""Custom actions without an action server: Rasa's own protocol, spoken within the process."""

from typing import Any

from aiohttp import ClientResponseError, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection
from yarl import URL


class InProcessActions(EndpointConfig):
    """An action endpoint that hands the call to an executor instead of sending it."""

    def __init__(self, executor: ActionExecutor) -> None:
        super().__init__(url="http://in-process/webhook", enable_selective_domain=True)
        self._executor = executor

    async def request(self, method: str = "post", subpath: str | None = None, **kwargs: Any) -> Any:
        """Run the action named in the call. A rejection comes back as the 400 Rasa expects."""
        try:
            return await self._executor.run(kwargs["json"])
        except ActionExecutionRejection as rejection:
            where = URL(str(self.url))
            info = RequestInfo(where, "POST", CIMultiDictProxy(CIMultiDict()), where)
            raise ClientResponseError(info, (), status=400, message=str(rejection)) from rejection
