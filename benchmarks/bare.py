"""A Sanic server that reads the body and answers 200: as much as any handler of ours has to do."""

from multiprocessing.context import ForkServerProcess

from tests.crash.chat_process import HOST, PATH
from tests.forked import forked


def bare_process(port: int) -> ForkServerProcess:
    """The server on a port, not started yet."""
    return forked(_serve, port)


def _serve(port: int) -> None:
    from sanic import Sanic  # noqa: PLC0415 -- the forked process has it
    from sanic.request import Request  # noqa: PLC0415
    from sanic.response import HTTPResponse, text  # noqa: PLC0415

    app = Sanic("bare", configure_logging=False)

    async def update(request: Request) -> HTTPResponse:
        assert request.body
        return text("")

    async def ready(_request: Request) -> HTTPResponse:
        return text("")

    app.add_route(update, PATH, methods=["POST"])
    app.add_route(ready, PATH)
    app.run(host=HOST, port=port, access_log=False, motd=False)
