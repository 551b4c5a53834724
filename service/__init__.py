"""The HTTP service: what tills, shops, CRMs and operators talk to."""
