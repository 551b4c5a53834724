"""Pictures of the report, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from evaluation.measures import Bin

mpl.rcParams["svg.hashsalt"] = "passaparola"  # the same picture is the same file
_WIDE, _HIGH = 5.0, 3.6
_NO_DATE = {"Date": None}


def reliability(named: Sequence[tuple[str, Sequence[Bin]]], file: Path) -> None:
    """How often guesses are right by how sure they are; on the diagonal they are as sure as they are right."""
    figure = Figure((_WIDE, _HIGH), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    for name, bins in named:
        axes.plot([one.confidence for one in bins], [one.accuracy for one in bins], marker="o", label=name)
    axes.set(xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(file, metadata=_NO_DATE)


def rejections(
    named: Sequence[tuple[str, Sequence[tuple[float, float, float]]]], chosen: Sequence[tuple[float, float]], file: Path
) -> None:
    """Out of scope rejected against in scope rejected; dots are where the thresholds are set."""
    figure = Figure((_WIDE, _HIGH), layout="constrained")
    axes = figure.subplots()
    for (name, curve), (inside, outside) in zip(named, chosen, strict=True):
        (line,) = axes.plot([one[2] for one in curve], [one[1] for one in curve], label=name)
        axes.plot([inside], [outside], marker="o", color=line.get_color())
    axes.axvline(0.03, color="0.8", linewidth=1)
    axes.axhline(0.9, color="0.8", linewidth=1)
    axes.set(xlabel="in scope, rejected", ylabel="out of scope, rejected", xlim=(0, 0.15), ylim=(0.5, 1))
    axes.legend(loc="lower right")
    figure.savefig(file, metadata=_NO_DATE)


def heat(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], file: Path) -> None:
    """F1 of each intent in each language; the darker, the worse."""
    figure = Figure((4.6, 8.0), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="Blues_r", vmin=0.7, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7,
                      color="white" if value < 0.85 else "black")  # fmt: skip
    figure.savefig(file, metadata=_NO_DATE)
