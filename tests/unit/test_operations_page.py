"""docs/operations.md and docs/alerts.yml name what there is: every kind of alarm, and metrics that exist."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from ruamel.yaml import YAML
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from loyalty.tables import Base
from service.gauges import quick, slow
from service.metrics import Metrics
from tests.conftest import EVERY_TABLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
RULES = YAML(typ="safe").load((ROOT / "docs" / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
ROOMS = ("campaigns", "connectors", "conversation", "crm", "jobs", "loyalty", "passaparola", "service")
PAUSED = {"number", "marketing", "template"}
"""What can be paused; `conversation/leaving/consequences.py` raises alarms of these kinds."""


def modules() -> Iterator[ast.Module]:
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            yield ast.parse(file.read_text("utf-8"))


def constants(tree: ast.Module) -> dict[str, object]:
    """What names stand for in a module, as far as they stand for plain texts."""
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            pairs = (
                zip(target.elts, value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                else [(target, value)]
            )
            for name, one in pairs:
                if isinstance(name, ast.Name) and isinstance(one, ast.Constant):
                    found[name.id] = one.value
    return found


def kinds() -> set[str]:
    """The kinds of alarms that the code raises."""
    trees = list(modules())
    everywhere: dict[str, set[object]] = {}
    for tree in trees:
        for name, value in constants(tree).items():
            everywhere.setdefault(name, set()).add(value)
    found: set[str] = set()
    for tree in trees:
        here = constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or "raise_alarm" not in ast.dump(node.func):
                continue
            kind = node.args[1]
            if isinstance(kind, ast.Constant):
                found.add(str(kind.value))
            elif isinstance(kind, ast.Name) and kind.id != "kind":
                found |= {str(here[kind.id])} if kind.id in here else {str(one) for one in everywhere[kind.id]}
            else:
                found |= PAUSED
    return found


def metrics() -> set[str]:
    """The names under which Prometheus knows our numbers."""
    assert EVERY_TABLE
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        now = datetime.now(UTC)
        names = {f"passaparola_{gauge.name}" for gauge in (*quick(session, now), *slow(session, now))}
    engine.dispose()
    told = generate_latest(Metrics().registry).decode()
    for name, kind in re.findall(r"# TYPE (\w+) (\w+)", told):
        names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    return names


@pytest.fixture(scope="module")
def known() -> set[str]:
    return metrics()


def test_every_kind_of_alarm_is_explained_and_no_other() -> None:
    table = PAGE[PAGE.index("## Alarms") : PAGE.index("## Backup")]
    explained = set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    assert explained == kinds()
    assert len(explained) >= 15


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_asks_for_metrics_that_exist(rule: dict[str, str], known: set[str]) -> None:
    asked = set(re.findall(r"passaparola_\w+", rule["expr"]))
    assert asked
    assert asked <= known


def test_every_metric_is_explained(known: set[str]) -> None:
    table = PAGE[PAGE.index("## Metrics") : PAGE.index("## Alarms")]
    for name in known:
        short = re.sub(r"_(bucket|count|sum)$", "", name.removeprefix("passaparola_"))
        assert re.search(rf"`{short}(\{{[^`]*)?`", table), f"{name} is not explained"
