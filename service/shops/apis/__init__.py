"""Shops that are asked: orders that no webhook told of are found, and vouchers become discount codes there."""
