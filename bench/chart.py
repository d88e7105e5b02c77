"""The figures as one picture: for every kind of work a bar for each way of doing it, and the target as a line."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import matplotlib

from .measure import OURS, Measure
from .report import Report

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png")
OUR_COLOR, OTHER_COLOR, FLOOR_COLOR, TARGET_COLOR = "#1b6ca8", "#b8c4cc", "#6b7780", "#c0392b"
BAR_INCHES, PANEL_INCHES, WIDTH_INCHES = 0.22, 0.9, 11


def bars(line: Measure) -> float:
    """Nanoseconds for one of the line's unit."""
    return line.seconds / line.count * 1e9


def panel(axes: Axes, lines: list[Measure]) -> None:
    """One table: time for one of its unit, on a logarithmic scale."""
    labels = [f"{line.name}   {line.by}" for line in lines]
    colors = [OUR_COLOR if line.by == OURS else OTHER_COLOR for line in lines]
    places = range(len(lines))
    axes.barh(places, [bars(line) for line in lines], color=colors, height=0.8)
    for place, line in zip(places, lines, strict=True):
        axes.text(bars(line), place, f" {bars(line):,.3g}", va="center", fontsize=7)
        if line.floor_s is not None and line.by == OURS:
            axes.vlines(line.floor_s / line.count * 1e9, place - 0.4, place + 0.4, color=FLOOR_COLOR, linewidth=2)
        target_s = demanded(line)
        if target_s is not None:
            axes.vlines(target_s * 1e9, place - 0.45, place + 0.45, color=TARGET_COLOR, linewidth=2)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_yticks(list(places), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_title(f"{lines[0].table}: ns for one of {lines[0].unit}", loc="left", fontsize=9)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def demanded(line: Measure) -> float | None:
    """The target as seconds for one of the line's unit."""
    if line.target is None:
        return None
    if line.target.most_s is not None:
        return line.target.most_s / line.count
    return None if line.target.least_per_second is None else 1 / line.target.least_per_second


def draw(report: Report, path: Path) -> None:
    """Write the chart as SVG or PNG, by the suffix of `path`."""
    groups = [list(group) for _, group in groupby(report.lines, lambda line: line.table)]
    heights = [len(lines) * BAR_INCHES + PANEL_INCHES for lines in groups]
    figure, panels = plt.subplots(
        len(groups), 1, figsize=(WIDTH_INCHES, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for axes, lines in zip(panels[:, 0], groups, strict=True):
        panel(axes, lines)
    figure.suptitle(
        "blue: Evertide, grey: others; grey line: what moving the bytes alone takes; red line: target", fontsize=8
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)
