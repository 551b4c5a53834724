"""Rewards: what a member can get, redemptions, vouchers, gifts of rules, stock."""
