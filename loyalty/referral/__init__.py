"""Referrals: who brought whom, what speaks against it, what both sides get."""
