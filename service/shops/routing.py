"""Which programme a shop's orders belong to, and what a shop's things are called there."""

from collections.abc import Iterable
from dataclasses import dataclass

from loyalty.programme import Programme
from loyalty.rules.shops import ShopLink
from service.shops.errors import Unreadable

_LONGEST_SHOP = 100


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop as a programme knows it."""

    source: str
    name: str
    link: ShopLink | None = None
    people: str = ""
    """What stands before its numbers of customers; other shops on the same software may use the same numbers."""

    def order(self, id_: str) -> str:
        """What an order is called in the ledger."""
        return f"{self.source}:{self.name}/{id_}"

    def refund(self, id_: str) -> str:
        """What a refund is called in the ledger."""
        return f"{self.source}:{self.name}/refund/{id_}"


def route(programmes: Iterable[Programme], source: str, name: str) -> tuple[Programme, Shop]:
    """The programme of a shop: the one whose file names it, or the only one, if its file names none of that kind.

    Raises `Unreadable`, which says what to write into which file.
    """
    if len(name) > _LONGEST_SHOP:
        raise Unreadable(f"the shop's name is longer than {_LONGEST_SHOP} characters")
    every = tuple(programmes)
    named = [(one, link) for one in every for link in one.shops if (link.source, link.domain) == (source, name)]
    if len(named) > 1:
        raise Unreadable(f"several programmes name the shop {name} under shops: leave it in one of them")
    if named:
        programme, link = named[0]
        return programme, Shop(source, name, link, _people(programme, link))
    if len(every) == 1 and not any(link.source == source for link in every[0].shops):
        return every[0], Shop(source, name)
    raise Unreadable(f"no programme names the shop {name}: add it under shops: in its file, then retry this delivery")


def _people(programme: Programme, link: ShopLink) -> str:
    """Shopify counts customers over all shops, WooCommerce anew in each: there only the first one's are bare."""
    if link.source == "shopify":
        return ""
    first = next(one for one in programme.shops if one.source == link.source)
    return "" if link == first else f"{link.domain}/"
