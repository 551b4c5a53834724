"""`docs/api.md` names every route with its scope."""

from pathlib import Path

import pytest

from service.app import ROUTES
from service.routes import Route

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_page_names_every_route_with_its_scope(route: Route) -> None:
    assert f"| `{route.method} {route.path}` | `{route.scope}` | {route.summary} |" in PAGE


def test_the_page_names_no_route_that_is_not_there() -> None:
    assert sum(PAGE.count(f"| `{method} /v1") for method in ("GET", "POST", "DELETE")) == len(ROUTES)
