"""Pictures of the dialog flows, drawn from their state machines: Mermaid for pages that know it, SVG for the others.

The layout is simple and always the same: states stand in rows by how far they are from the beginning, what leads on
goes down, what leads back goes up at the side.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from statemachine.contrib.diagram import MermaidGraphMachine
from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.model import DiagramGraph, StateType

from flows.flow import Flow, Machine

FOLDER = Path("docs/flows")
OTHERS = frozenset({"figures.md"})
"""What stands in the folder and is no picture: what `python -m benchmarks.flows` measures."""
WIDE, HIGH, GAP, FALL, LANE, EDGE = 150, 40, 60, 96, 46, 24
"""Pixels: a state's width and height, between states beside and below one another, between ways back, the margin."""
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}.w{font-size:11.5px;fill:#52606d;paint-order:stroke;"
    "stroke:#fff;stroke-width:4px}rect{fill:#e3f2ea;stroke:#128c7e;rx:10}.end rect{fill:#f5f7fa;stroke:#9aa5b1}"
    "path{fill:none;stroke:#7b8794;stroke-width:1.3;marker-end:url(#a)}"
)


def mermaid(machine: type[Machine]) -> str:
    """The machine as a Mermaid state diagram."""
    drawn: Any = MermaidGraphMachine
    return str(drawn(machine).get_mermaid()).strip() + "\n"


def svg(machine: type[Machine]) -> str:
    """The machine as a picture that stands by itself."""
    graph = extract(machine)
    return _draw(graph, _place(graph))


def pictures(flows: Sequence[Flow[object]]) -> Mapping[str, str]:
    """Every file of the folder of pictures, by name: a page, and two pictures a flow."""
    files = {}
    page = ["# Flows", "", "Drawn by `passaparola flows` from the state machines in `flows/`; do not edit by hand."]
    page += ["What they cost in messages, taps and time stands in [figures.md](figures.md).", ""]
    for flow in sorted(flows, key=lambda flow: flow.name):
        files[f"{flow.name}.mmd"], files[f"{flow.name}.svg"] = mermaid(flow.machine), svg(flow.machine)
        said = (type(flow).__doc__ or "").strip().partition("\n")[0]
        module = (__import__(type(flow).__module__, fromlist=["_"]).__doc__ or said).strip().partition("\n")[0]
        page += [f"## {flow.name}", "", module, "", f"![{flow.name}]({flow.name}.svg)", ""]
    files["README.md"] = "\n".join(page)
    return files


def outdated(folder: Path, flows: Sequence[Flow[object]]) -> Iterator[str]:
    """The files in the folder that are not as the machines are, and those that belong to no flow."""
    wanted = pictures(flows)
    for name, content in wanted.items():
        file = folder / name
        if not file.is_file() or file.read_text("utf-8") != content:
            yield str(file)
    known = wanted.keys() | OTHERS
    yield from (str(file) for file in sorted(folder.glob("*.*")) if file.name not in known)


def write(folder: Path, flows: Sequence[Flow[object]]) -> None:
    """Write all pictures anew."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pictures(flows)
    for file in folder.glob("*.*"):
        if file.name not in wanted.keys() | OTHERS:
            file.unlink()
    for name, content in wanted.items():
        (folder / name).write_text(content, "utf-8")


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a state stands: its row, and the middle of its box."""

    row: int
    x: float
    y: float


def _place(graph: DiagramGraph) -> dict[str, _Spot]:
    rows: dict[str, int] = {state.id: 0 for state in graph.states if state.is_initial}
    line = list(rows)
    for name in line:  # grows while it is gone through
        for one in graph.transitions:
            for target in one.targets:
                if one.source == name and target not in rows:
                    rows[target] = rows[name] + 1
                    line.append(target)
    for state in graph.states:
        rows.setdefault(state.id, 0)
        if state.type is StateType.FINAL:  # below everything that ends in it
            rows[state.id] = 1 + max(
                (rows[one.source] for one in graph.transitions if state.id in one.targets), default=0
            )
    beside: dict[int, list[str]] = defaultdict(list)
    for name, row in rows.items():
        beside[row].append(name)
    widest = max(len(names) for names in beside.values())
    whole = widest * WIDE + (widest - 1) * GAP
    spots, left = {}, EDGE + LANE * 2
    for row, names in beside.items():
        used = len(names) * WIDE + (len(names) - 1) * GAP
        for place, name in enumerate(names):
            x = left + (whole - used) / 2 + place * (WIDE + GAP) + WIDE / 2
            spots[name] = _Spot(row, x, EDGE + 26 + row * (HIGH + FALL) + HIGH / 2)
    return spots


def _ways(graph: DiagramGraph) -> dict[tuple[str, str], list[str]]:
    """What leads from one state to another, in words: several events are one arrow."""
    ways: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in graph.transitions:
        for target in one.targets:
            said = one.event.lower() + (f" [{', '.join(one.guards)}]" if one.guards else "")
            if said not in ways[one.source, target]:
                ways[one.source, target].append(said)
    return ways


def _draw(graph: DiagramGraph, spots: Mapping[str, _Spot]) -> str:
    right = max(spot.x for spot in spots.values()) + WIDE / 2
    bottom = max(spot.y for spot in spots.values()) + HIGH / 2 + EDGE
    arrows, lane = [], 0
    for (source, target), said in _ways(graph).items():
        a, b = spots[source], spots[target]
        if source == target:
            arrows.append(_loop(a, said))
        elif b.row > a.row:
            arrows.append(_down(a, b, said))
        else:
            lane += 1
            arrows.append(_back(a, b, said, right + lane * LANE))
    width = right + (lane + 1) * LANE + EDGE + 70
    first = next(state.id for state in graph.states if state.is_initial)
    start = spots[first]
    boxes = [
        f"<g{' class=' + chr(34) + 'end' + chr(34) if state.type is StateType.FINAL else ''}>"
        f'<rect x="{spots[state.id].x - WIDE / 2:g}" y="{spots[state.id].y - HIGH / 2:g}" width="{WIDE}" '
        f'height="{HIGH}"/><text x="{spots[state.id].x:g}" y="{spots[state.id].y + 4.5:g}" text-anchor="middle">'
        f"{escape(state.id.replace('_', ' '))}</text></g>"
        for state in graph.states
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {bottom:g}" width="{width:g}" '
        f'height="{bottom:g}" role="img" aria-label="{escape(graph.name)}"><style>{_STYLE}</style>'
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7.4" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" style="fill:#7b8794;stroke:none;marker-end:none"/>'
        f'</marker></defs><rect width="100%" height="100%" style="fill:#fff;stroke:none;rx:0"/>\n'
        f'<circle cx="{start.x:g}" cy="{start.y - HIGH / 2 - 18:g}" r="5" fill="#1f2933"/>'
        f'<path d="M{start.x:g} {start.y - HIGH / 2 - 13:g}V{start.y - HIGH / 2 - 2:g}"/>\n'
        + "\n".join([*(path for path, _ in arrows), *boxes, *(words for _, words in arrows)])
        + "\n</svg>\n"
    )


def _words(x: float, y: float, said: Sequence[str], anchor: str = "middle") -> str:
    lines = "".join(
        f'<tspan x="{x:g}" dy="{0 if number == 0 else 14}">{escape(one)}</tspan>' for number, one in enumerate(said)
    )
    return f'<text class="w" y="{y - 7 * (len(said) - 1):g}" text-anchor="{anchor}">{lines}</text>'


def _down(a: _Spot, b: _Spot, said: Sequence[str]) -> tuple[str, str]:
    top, end = a.y + HIGH / 2, b.y - HIGH / 2 - 2
    bend = (end - top) / 2
    shift = WIDE * 0.62 if b.row > a.row + 1 and abs(a.x - b.x) < 1 else 0  # around what stands between
    path = f"M{a.x:g} {top:g}C{a.x + shift:g} {top + bend:g} {b.x + shift:g} {end - bend:g} {b.x:g} {end:g}"
    return f'<path d="{path}"/>', _words((a.x + b.x) / 2 + shift * 0.75, (top + end) / 2 + 4, said)


def _back(a: _Spot, b: _Spot, said: Sequence[str], lane: float) -> tuple[str, str]:
    begin, end = a.x + WIDE / 2, b.x + WIDE / 2 + 2
    path = f"M{begin:g} {a.y - 6:g}C{lane:g} {a.y - 6:g} {lane:g} {b.y + 8:g} {end:g} {b.y + 8:g}"
    if a.row == b.row:
        path = f"M{a.x:g} {a.y - HIGH / 2:g}Q{(a.x + b.x) / 2:g} {a.y - HIGH * 1.6:g} {b.x:g} {b.y - HIGH / 2 - 2:g}"
        return f'<path d="{path}"/>', _words((a.x + b.x) / 2, a.y - HIGH * 1.05, said)
    return f'<path d="{path}"/>', _words(lane * 0.75 + (begin + end) / 8 + 4, (a.y + b.y) / 2 + 4, said)


def _loop(a: _Spot, said: Sequence[str]) -> tuple[str, str]:
    x, y = a.x - WIDE / 2, a.y
    path = f"M{x:g} {y - 9:g}C{x - 34:g} {y - 26:g} {x - 34:g} {y + 26:g} {x - 2:g} {y + 9:g}"
    return f'<path d="{path}"/>', _words(x - 8, y + HIGH / 2 + 12, said)
