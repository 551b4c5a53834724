"""Webhooks go to the public internet and nowhere else, whatever a name says and however an address is written."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from loyalty.errors import Invalid
from service.hooks.guard import Guard, Guarded, GuardedResolver

INSIDE = [
    "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "198.18.0.1", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "2001:db8::1",
    "fe80::1%eth0", "nonsense",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


class Names(AbstractResolver):
    """A name server of one name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        if not self.addresses:
            raise OSError("nobody knows it")
        return [
            ResolveResult(hostname=host, host=one, port=port, family=int(family), proto=0, flags=0)
            for one in self.addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not_of_the_public_internet_are_refused(address: str) -> None:
    assert not Guard().allows(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_others_are_allowed(address: str) -> None:
    assert Guard().allows(address)


def test_only_this_machine_is_allowed_in_addition_for_development() -> None:
    allowed = {address for address in INSIDE if Guard(insecure=True).allows(address)}
    assert allowed == {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "https://", "example.org", "/hook", "", "https://user@example.org/",
        "https://user:secret@example.org/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:8443/x",
        "https://[::ffff:10.0.0.1]/", "http://127.0.0.1/", "http://localhost/", "https://[fe80::1%25eth0]/",
        "https://example.org:99999/", "https://exa mple.org:x/", "https://example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_targets_that_cannot_be(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        Guard().check(url)
    assert refused.value.field == "target_url"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://0177.0.0.1/"])
async def test_numbers_that_spell_an_address_are_names_and_are_looked_up(url: str) -> None:
    names = Names("127.0.0.1")
    with pytest.raises(Invalid):
        await Guard().check_target(url, names)


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("127.0.0.1",), ()])
async def test_a_name_that_leads_inside_or_nowhere_is_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        await Guard().check_target("https://rebind.example/hook", Names(*addresses))


async def test_a_name_that_leads_outside_is_taken() -> None:
    names = Names("8.8.8.8", "2606:4700:4700::1111")
    assert (await Guard().check_target("https://hooks.example/x?y=z", names)).host == "hooks.example"
    assert names.asked == 1


async def test_a_name_is_looked_at_again_when_we_connect() -> None:
    names = Names("8.8.8.8")
    guarded = GuardedResolver(Guard(), names)
    assert await guarded.resolve("hooks.example", 443)
    names.addresses = ("169.254.169.254",)
    with pytest.raises(Guarded):
        await guarded.resolve("hooks.example", 443)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://localhost/x", "https://localhost/"])
def test_this_machine_without_tls_is_for_development(url: str) -> None:
    assert Guard(insecure=True).check(url)


@pytest.mark.parametrize("url", ["http://example.org/", "http://10.0.0.1/", "https://10.0.0.1/"])
def test_the_rest_is_refused_in_development_too(url: str) -> None:
    with pytest.raises(Invalid):
        Guard(insecure=True).check(url)
