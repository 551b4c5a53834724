"""Local stand-ins for online shops: each behaves as its documentation says, and fails when it is told to."""

from simulator.shops.base import StandInShop, Trouble
from simulator.shops.shopify import StandInShopify
from simulator.shops.woocommerce import StandInWooCommerce

__all__ = ["StandInShop", "StandInShopify", "StandInWooCommerce", "Trouble"]
