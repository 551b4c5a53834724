"""Shops that report by webhook: what they send is stored first, and understood and posted afterwards."""
