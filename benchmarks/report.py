"""The results as Markdown tables and as JSON."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import pooled
from benchmarks.measure import Growth, Speed, ratios
from benchmarks.programs import ROOT

RESULTS = ROOT / "results"
Rows = list[dict[str, Any]]


def speed_rows(found: Mapping[str, Speed], baseline: str) -> Rows:
    """Measurement A: latencies of all rounds together; rates and ratios are the medians of the rounds."""
    base = found[baseline]
    rows = []
    for name, result in found.items():
        full, low = pooled(result.full), pooled(result.low)
        faster = ratios([sample.rate for sample in result.full], [sample.rate for sample in base.full])
        sooner = ratios([s.percentile(50) for s in base.low], [s.percentile(50) for s in result.low])
        rows.append({
            "bot": name,
            "turns/s": median(sample.rate for sample in result.full),
            "× baseline": median(faster),
            "rounds": f"{min(faster):.1f}–{max(faster):.1f}",
            "p50 ms, 20 at once": full.percentile(50) * 1e3,
            "p95 ms, 20 at once": full.percentile(95) * 1e3,
            "p50 ms, alone": low.percentile(50) * 1e3,
            "p95 ms, alone": low.percentile(95) * 1e3,
            "p50 baseline/this, alone": median(sooner),
            "CPU ms a turn": median(result.cpu) * 1e3,
            "× baseline, CPU": median(base.cpu) / median(result.cpu),
            "load generator busy": result.load_busy,
            "turns": len(full.latencies) + len(low.latencies),
        })  # fmt: skip
    return rows


def growth_rows(found: Mapping[str, Growth]) -> Rows:
    """Measurement B."""
    rows = []
    for name, grown in found.items():
        first, *middle, last = sorted(grown.windows)
        rows.append({
            "bot": name,
            "first": f"turn {first}: {grown.windows[first] * 1e3:.1f} ms",
            "middle": ", ".join(f"turn {turn}: {grown.windows[turn] * 1e3:.1f} ms" for turn in middle) or "–",
            "last": f"turn {last}: {grown.windows[last] * 1e3:.1f} ms",
            "last / first": grown.ratio,
            "last / a new conversation beside it": grown.ratio_beside,
        })  # fmt: skip
    return rows


def table(rows: Rows) -> str:
    """Rows as a Markdown table."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join("---" for _ in heads) + "|"]
    lines += ["| " + " | ".join(_cell(row[head]) for head in heads) + " |" for row in rows]
    return "\n".join(lines)


def save(results: Mapping[str, Any], found: Mapping[str, Speed]) -> Path:
    """Write everything down, every latency included."""
    samples = {
        name: {
            "full": [{"seconds": sample.seconds, "latencies": sample.latencies} for sample in result.full],
            "low": [sample.latencies for sample in result.low],
            "cpu": result.cpu,
        }
        for name, result in found.items()
    }
    return save_as("turns", {**results, "samples": samples})


def save_as(name: str, results: Mapping[str, Any]) -> Path:
    """Write results to a file of this name and moment."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    file = RESULTS / f"{name}-{now:%Y%m%d-%H%M%S}.json"
    document = {"at": now.isoformat(), **results}
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")
    return file


def machine() -> dict[str, Any]:
    """What it was measured on; `load` tells how much others had to do."""
    packages = ("rasa", "tensorflow", "jsonschema", "sqlalchemy", "aiohttp", "sanic")
    return {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "versions": {name: version(name) for name in packages},
    }


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)
