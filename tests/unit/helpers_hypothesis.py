"""Hypothesis on machines that are busy with other things: how long an example takes says nothing."""

from hypothesis import HealthCheck, settings


def patiently(examples: int = 100) -> settings:
    """Settings for a property: so many examples, and no clock."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=None, suppress_health_check=slow)
