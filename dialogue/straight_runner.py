"""Runs Rasa's graph in a straight line.

Rasa hands every parse and every prediction to dask, which plans the graph anew, starts its pool and locks, and then
runs the seven nodes one after the other anyway. Here the order is worked out once for each target.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rasa.engine.graph import GraphNode, GraphSchema
from rasa.engine.runner.dask import DaskGraphRunner


class StraightRunner(DaskGraphRunner):
    """A graph runner that takes over the nodes a dask runner has loaded."""

    def __init__(self, schema: GraphSchema, nodes: Mapping[str, GraphNode]) -> None:
        self._schema = schema
        self._nodes = nodes
        self._orders: dict[tuple[str, ...], list[tuple[GraphNode, tuple[str, ...]]]] = {}

    @classmethod
    def taking_over(cls, runner: DaskGraphRunner) -> "StraightRunner":
        """A runner for the same loaded components. They hold all state, so none is copied."""
        if isinstance(runner, cls):
            return runner
        return cls(runner._graph_schema, runner._instantiated_nodes)

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """The outputs of the targets, as `GraphRunner.run` promises them."""
        wanted = tuple(targets or self._schema.target_names)
        order = self._orders.get(wanted)
        if order is None:
            order = self._orders[wanted] = self._order(wanted)
        outputs: dict[str, Any] = dict(inputs or {})
        for node, needs in order:
            name, output = node(*((need, outputs[need]) for need in needs))
            outputs[name] = output
        return {name: outputs[name] for name in wanted}

    def _order(self, targets: Sequence[str]) -> list[tuple[GraphNode, tuple[str, ...]]]:
        """The nodes the targets need, each behind those it needs itself."""
        order: dict[str, tuple[GraphNode, tuple[str, ...]]] = {}

        def visit(name: str) -> None:
            schema = self._schema.nodes.get(name)
            if schema is None or name in order:  # an input, or there already
                return
            needs = tuple(schema.needs.values())
            for need in needs:
                visit(need)
            order[name] = (self._nodes[name], needs)

        for target in targets:
            visit(target)
        return list(order.values())
