"""Numbers and times as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from datetime import datetime

NO_CURSOR = "0.3.x kept no place from which it could go on."

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def count(number: int, noun: str) -> str:
    """Give `1 row`, `1,234 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Give `8 s`, `2 min 5 s`, `3 h 20 min`, `4 d 7 h`."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 1 or seconds == 0 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(value: datetime | None) -> str:
    """Give a time in the project's time zone, to the minute; "" for None."""
    if value is None:
        return ""
    shown = timezone.localtime(value) if timezone.is_aware(value) else value
    return shown.strftime("%Y-%m-%d %H:%M")


def rate(rows_per_second: float) -> str:
    """Give `1,204 rows/s`; with a decimal where it is small."""
    digits = 0 if rows_per_second >= 10 else 1
    return f"{rows_per_second:,.{digits}f} rows/s"


def nobody_looks(seconds: float | None, hint: str) -> str:
    """Say that lost messages are not looked for, and how that is set up.

    Args:
        seconds: how long ago somebody looked; None: not within a week.
        hint: the queue's.
    """
    if seconds is None:
        return f"Nobody has looked for lost messages: {hint}."
    return f"Nobody has looked for lost messages for {duration(seconds)}: {hint}."
