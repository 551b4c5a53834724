"""`passaparola demo`, `run` and the processes: `chat`, `service`, `actions`."""

import asyncio
import os

import click

from passaparola import logs
from passaparola.commands.saying import say
from passaparola.errors import CommandError
from passaparola.settings import read_settings, require_whatsapp

SIMULATOR_PORT = "PASSAPAROLA_SIMULATOR_PORT"


@click.command()
def demo() -> None:
    """Run everything on this machine with a sample café and a WhatsApp simulator; nothing else is needed."""
    from passaparola import demo as parts
    from passaparola.supervisor import check_port, supervise
    from passaparola.training import is_current, train

    settings = read_settings()
    simulator = os.environ.get(SIMULATOR_PORT, "8090")
    if not simulator.isascii() or not simulator.isdecimal() or not 0 < int(simulator) < 2**16:
        raise CommandError(f"{SIMULATOR_PORT} is no port: use a number such as 8090")
    addresses = parts.Addresses("127.0.0.1", settings.chat_port, settings.service_port, int(simulator))
    check_port(addresses.host, addresses.chat, "PASSAPAROLA_CHAT_PORT")
    check_port(addresses.host, addresses.service, "PASSAPAROLA_SERVICE_PORT")
    check_port(addresses.host, addresses.simulator, SIMULATOR_PORT)
    os.environ.update(parts.demo_environment(addresses))
    settings = read_settings()
    if is_current(settings.model):
        say(f"model: {settings.model} is up to date")
    else:
        train(settings.model, say)
    programme, rows = asyncio.run(parts.load_sample(settings))
    say(
        f"database: {parts.without_password(settings.database_url)} with {len(rows)} sample members of {programme.name}"
    )
    say("starting the chat process, the service and the simulator …")
    announce = [
        "",
        f"  Chat with {programme.name}:   {addresses.page}",
        f"  The service's API:      http://{addresses.host}:{addresses.service}/openapi.json",
        "  Stop with Ctrl-C.",
        "",
    ]
    asyncio.run(supervise(parts.children(settings, addresses, programme, rows), announce))


@click.command()
def run() -> None:
    """Run the chat process and the service in earnest; settings come from the environment or .env."""
    from loyalty.store.schema import upgrade
    from passaparola.compose import build
    from passaparola.demo import processes
    from passaparola.supervisor import check_port, supervise
    from passaparola.training import is_current, train

    settings = read_settings()
    require_whatsapp(settings)
    check_port(settings.host, settings.chat_port, "PASSAPAROLA_CHAT_PORT")
    check_port(settings.host, settings.service_port, "PASSAPAROLA_SERVICE_PORT")
    upgrade(settings.database_url)
    asyncio.run(build(settings).store.close())  # programme and sentences are read, so that a mistake shows here
    if not is_current(settings.model):
        train(settings.model, say)
    announce = [f"Passaparola is running: chat on port {settings.chat_port}, service on port {settings.service_port}"]
    asyncio.run(supervise(processes(settings), announce))


@click.command()
def chat() -> None:
    """Run the chat process alone: Rasa with the WhatsApp channel."""
    require_whatsapp(read_settings())
    _rasa()
    from passaparola.chat import serve
    from passaparola.telemetry import switch_on

    logs.configure(read_settings().log_level)
    switch_on(os.environ, "chat")
    serve()


@click.command()
def service() -> None:
    """Run the HTTP service alone."""
    from passaparola.compose import build
    from passaparola.serve import serve
    from passaparola.telemetry import switch_on

    logs.configure(read_settings().log_level)
    switch_on(os.environ, "service")
    serve(build(read_settings()))


@click.command()
@click.option("--port", default=5055, show_default=True, help="Where the action server listens.")
def actions(port: int) -> None:
    """Run Rasa's action server alone, where actions are deployed apart from the chat process."""
    _rasa()
    from passaparola.action_server import serve

    logs.configure(read_settings().log_level)
    serve(read_settings(), port)


def _rasa() -> None:
    """Get ready to import Rasa: no telemetry, no TensorFlow where the pipeline needs none."""
    from passaparola import light_rasa

    logs.quiet_libraries()
    light_rasa.install()
