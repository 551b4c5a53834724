"""Figures: latencies, and what the kernel knows of a process."""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Sample:
    """The latencies of some turns, and how long all of them took together."""

    latencies: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Turns per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, which: int) -> float:
        """The latency that `which` of a hundred turns do not exceed, in seconds (interpolated)."""
        if which == 50:
            return median(self.latencies)
        return quantiles(self.latencies, n=100, method="inclusive")[which - 1]


def pooled(samples: list[Sample]) -> Sample:
    """Several rounds as one."""
    return Sample(
        tuple(latency for sample in samples for latency in sample.latencies), sum(sample.seconds for sample in samples)
    )


def cpu_seconds(pid: int) -> float:
    """The processor time a process (all its threads) has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """Resident memory in MB: `VmRSS` now, `VmHWM` at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    found = {line.partition(":")[0]: line.split() for line in lines}
    return {name: int(found[name][1]) / 1024 for name in ("VmRSS", "VmHWM")}
