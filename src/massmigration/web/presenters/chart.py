"""The chart of rate over time, as numbers for an SVG that needs no script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from massmigration.web.presenters import figures

if TYPE_CHECKING:
    from massmigration.engine.pace import Pace

WIDTH, HEIGHT = 720, 140
LEAST_STEPS = 3


@dataclass(frozen=True)
class Chart:
    """What `parts/chart.html` draws."""

    line: str
    """The path of the line; it breaks where nobody worked."""

    area: str
    peak: str
    start: figures.When
    end: figures.When
    summary: str
    average_y: str
    """Where the line of the average is."""

    width: int = WIDTH
    height: int = HEIGHT


def chart_of(pace: Pace) -> Chart | None:
    """Draw the steps of a pace; None where there are too few to say something."""
    steps = [step for step in pace.steps if step.end > step.start]
    if len(steps) < LEAST_STEPS:
        return None
    start, end = steps[0].start, steps[-1].end
    peak = max(step.rate for step in steps if not step.is_rest) if _has_work(pace) else 0
    if peak <= 0:
        return None

    def x(at: int) -> str:
        return f"{(at - start) / (end - start) * WIDTH:.1f}"

    def y(rate: float) -> str:
        return f"{HEIGHT - rate / peak * (HEIGHT - 4):.1f}"

    line: list[str] = []
    area: list[str] = []
    is_open = False
    for step in steps:
        if step.is_rest:
            is_open = False
            continue
        low, high, level = x(step.start), x(step.end), y(step.rate)
        line.append(f"{'L' if is_open else 'M'}{low} {level}H{high}")
        area.append(f"M{low} {HEIGHT}V{level}H{high}V{HEIGHT}Z")
        is_open = True
    average = pace.average or 0.0
    summary = _("Rate over time: at most %(peak)s, on average %(average)s.") % {
        "peak": figures.rate(peak),
        "average": figures.rate(average),
    }
    return Chart(
        line="".join(line),
        area="".join(area),
        peak=figures.rate(peak),
        start=figures.when_ms(start),
        end=figures.when_ms(end),
        summary=summary,
        average_y=y(min(average, peak)),
    )


def _has_work(pace: Pace) -> bool:
    return any(not step.is_rest for step in pace.steps)
