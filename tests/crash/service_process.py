"""The service, as those see it who start it: tills and shops post to it, and it is killed."""

from multiprocessing.context import ForkServerProcess

from tests.crash.chat_process import NUMBER_ID, TOKEN
from tests.forked import forked

SHOP, SHOP_SECRET, API_KEY = "aurora.myshopify.com", "shop-secret", "api-key-of-a-test"


def service_process(database: str, graph: str, port: int) -> ForkServerProcess:
    """The service on a port, not started yet, with Shopify connected."""
    return forked(_serve, database, graph, port)


def _serve(database: str, graph: str, port: int) -> None:
    from passaparola.compose import build  # noqa: PLC0415 -- imported by the forked process alone
    from passaparola.serve import serve  # noqa: PLC0415 -- as above
    from passaparola.settings import Settings  # noqa: PLC0415 -- as above

    settings = Settings(
        _env_file=None, database_url=database, graph_url=graph, service_port=port, phone_number_id=NUMBER_ID,
        access_token=TOKEN, api_key=API_KEY, shopify_secret=SHOP_SECRET,
    )  # fmt: skip
    serve(build(settings))
