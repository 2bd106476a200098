"""Bars as SVG. A dozen rectangles and texts; no library is worth its weight for that."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.measure import Bar

COLOURS = {"hand": "#8c96a3", "ours": "#0b7a53", "peer": "#c2571a"}
KEY = {"hand": "by hand", "ours": "massmigration", "peer": "other packages"}
LEFT, WIDTH, ROW, TOP = 400, 960, 24, 62
RIGHT = 90


def bars(title: str, values: list[Bar]) -> str:
    """Draw rows a second on a logarithmic scale, with a line from the slowest to the fastest."""
    low = math.floor(math.log10(min(each.least for each in values)))
    high = math.ceil(math.log10(max(each.most for each in values)))
    height = TOP + ROW * len(values) + 34

    def x(value: float) -> float:
        share = (math.log10(value) - low) / max(high - low, 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        '<g font-family="system-ui, sans-serif" font-size="13" fill="#1d2733">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    for place, (whose, name) in enumerate(KEY.items()):
        left = 16 + place * 150
        parts.append(f'<rect x="{left}" y="38" width="12" height="12" fill="{COLOURS[whose]}"/>')
        parts.append(f'<text x="{left + 18}" y="49">{name}</text>')
    bottom = TOP + ROW * len(values)
    for power in range(low, high + 1):
        at = f"{x(10**power):.1f}"
        parts.append(f'<path d="M{at} {TOP}V{bottom + 4}" stroke="#dde2e8"/>')
        parts.append(f'<text x="{at}" y="{bottom + 22}" text-anchor="middle">{10**power:,}</text>')
    for place, each in enumerate(values):
        parts += _bar(each, TOP + place * ROW, x)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _bar(each: Bar, top: float, x) -> list[str]:
    middle = top + ROW / 2
    width = max(x(each.rate) - LEFT, 1)
    box = f"M{LEFT} {top + 4:g}h{width:.1f}v{ROW - 8}H{LEFT}z"
    return [
        f'<text x="{LEFT - 8}" y="{middle + 4:g}" text-anchor="end">{escape(each.name)}</text>',
        f'<path d="{box}" fill="{COLOURS[each.whose]}"/>',
        f'<path d="M{x(each.least):.1f} {middle:g}H{x(each.most):.1f}" stroke="#1d2733"/>',
        f'<text x="{x(each.most) + 6:.1f}" y="{middle + 4:g}">{each.rate:,.0f}</text>',
    ]
