"""Rasa's action server with our actions, for installations that run them apart."""

from collections.abc import Awaitable, Callable

from rasa_sdk.executor import ActionExecutor, ActionNotFoundException
from rasa_sdk.interfaces import ActionExecutionRejection
from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, json

from actions.rasa_actions import build_executor
from conversation.turning.inquiries import Inquiries
from passaparola.compose import build
from passaparola.settings import Settings


def serve(settings: Settings, port: int) -> None:
    """Run the action server until it is told to stop."""
    house = build(settings)
    executor = build_executor(house.answers(), Inquiries(house.programmes))
    build_server(executor, house.programmes.refresh).run(settings.host, port, access_log=False)


def build_server(executor: ActionExecutor, refresh: Callable[[], Awaitable[object]]) -> Sanic:
    """Rasa's action protocol over HTTP: `POST /webhook`, `GET /health`. `refresh` is run before each action."""
    app = Sanic("passaparola_actions", configure_logging=False)

    @app.get("/health")
    async def health(_request: Request) -> HTTPResponse:
        return json({"status": "ok"})

    @app.post("/webhook")
    async def webhook(request: Request) -> HTTPResponse:
        await refresh()
        try:
            return json(await executor.run(request.json))
        except ActionExecutionRejection as rejection:
            return json({"error": str(rejection), "action_name": rejection.action_name}, status=400)
        except ActionNotFoundException as missing:
            return json({"error": str(missing), "action_name": missing.action_name}, status=404)

    return app
