"""Where a webhook may go: never into our own network (server-side request forgery).

An address is looked at when somebody subscribes and again whenever we connect: a name may point elsewhere by then.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from loyalty.errors import Invalid

LONGEST_URL = 2000
_SHARED = (
    ipaddress.ip_network("64:ff9b::/96"),  # NAT64: any IPv4 address stands behind it
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("2002::/16"),  # 6to4, the same
    ipaddress.ip_network("2001::/32"),  # Teredo, the same
)
_RESOLVE_SECONDS = 5.0
FIELD = "target_url"


class Guarded(OSError):
    """A name points to where nothing may be sent. An `OSError`, as aiohttp asks of what a resolver raises."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Says where webhooks may go. With `insecure`, also to this machine and without TLS: for tests and development."""

    insecure: bool = False

    def allows(self, address: str) -> bool:
        """Whether an IP address is one of the public internet (or this machine's, where that is allowed)."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if found.is_loopback:
            return self.insecure
        hidden = found.version == 6 and any(found in network for network in _SHARED)
        return found.is_global and not found.is_multicast and not found.is_reserved and not hidden

    def check(self, text: str) -> URL:
        """The URL of a target, as far as it can be judged without asking for its address. Raises `Invalid`."""
        try:
            url = URL(text)
            host, _ = url.host, url.port
        except ValueError:
            raise Invalid("the target is no URL; give one such as https://example.org/hook", field=FIELD) from None
        if len(text) > LONGEST_URL or not host:
            raise Invalid(f"the target is a whole URL of at most {LONGEST_URL} characters", field=FIELD)
        if url.scheme != "https" and not (url.scheme == "http" and self.insecure and _is_here(host)):
            raise Invalid("the target must be an https:// address", field=FIELD)
        if url.user is not None or url.password is not None:
            raise Invalid("the target must hold no user or password: deliveries are signed instead", field=FIELD)
        if _is_ip(host) and not self.allows(host):
            raise _inside(host)
        return url

    async def check_target(self, text: str, resolver: AbstractResolver | None = None) -> URL:
        """As `check`, and its name must lead to the public internet now. Raises `Invalid`."""
        url = self.check(text)
        assert url.host is not None  # `check` saw to it
        if _is_ip(url.host):
            return url
        asked = GuardedResolver(self, resolver)
        try:
            await asyncio.wait_for(asked.resolve(url.host, url.port or 443), _RESOLVE_SECONDS)
        except Guarded:
            raise _inside(url.host) from None
        except (OSError, TimeoutError):
            raise Invalid(f"the name {url.host} cannot be resolved; is it spelt right?", field=FIELD) from None
        finally:
            if resolver is None:
                await asked.close()
        return url


class GuardedResolver(AbstractResolver):
    """Resolves names for the connector that sends webhooks; a name that leads inside leads nowhere."""

    def __init__(self, guard: Guard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(self._guard.allows(one["host"]) for one in found):
            raise Guarded("the name leads to an address that webhooks may not go to")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def client(guard: Guard, *, timeout: aiohttp.ClientTimeout, connections: int, of_a_host: int) -> aiohttp.ClientSession:
    """A session for deliveries: guarded at each connection, without cookies, proxies or remembered addresses."""
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(guard), use_dns_cache=False, limit=connections, limit_per_host=of_a_host
    )
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
        auto_decompress=False,
    )  # fmt: skip


def _inside(host: str) -> Invalid:
    return Invalid(f"the target {host} is not on the public internet; give an address that is", field=FIELD)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback)
