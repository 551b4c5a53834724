"""A chat process with a parrot, as those see it who start it: without Rasa's imports."""

from multiprocessing.context import ForkServerProcess

from tests.forked import forked

HOST = "127.0.0.1"
PATH = "/webhooks/whatsapp/webhook"
NUMBER_ID, TOKEN, SECRET = "100000000000001", "access-token", "app-secret"


def chat_process(database: str, graph: str, port: int, thinks: float = 0.0) -> ForkServerProcess:
    """A chat process on a port, not started yet; its dialogue takes so many seconds for a turn."""
    return forked(_serve, database, graph, port, thinks)


def _serve(database: str, graph: str, port: int, thinks: float) -> None:
    from tests.crash.parrot import serve  # noqa: PLC0415 -- Rasa is imported by the forked process alone

    serve(database, graph, port, thinks)
