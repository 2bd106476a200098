"""Numbers, times and addresses as people of any language read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import formats
from django.utils.timezone import is_naive, localtime, make_aware, make_naive
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

MINUTE, HOUR, DAY = 60, 3600, 86400


def number(value: float, decimals: int = 0) -> SafeString | str:
    """Write a number with the separators of the language."""
    return formats.number_format(value, decimals, use_l10n=True, force_grouping=True)


def rows(count: int) -> str:
    """Write a count of rows."""
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": number(count)}


def rate(value: float | None) -> str:
    """Write rows a second; rows a minute where there are few. "" where it is not known."""
    if value is None:
        return ""
    if 0 < value < 1:
        return _("%(count)s rows/min") % {"count": number(value * 60, 1)}
    return _("%(count)s rows/s") % {"count": number(value, 0 if value >= 10 else 1)}


def duration(seconds: float | None) -> str:
    """Write a time span with its two largest units."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < MINUTE:
        return _("%(count)s s") % {"count": number(whole)}
    if whole < HOUR:
        return _("%(minutes)s min %(seconds)s s") % {
            "minutes": whole // MINUTE,
            "seconds": whole % MINUTE,
        }
    if whole < DAY:
        return _("%(hours)s h %(minutes)s min") % {
            "hours": whole // HOUR,
            "minutes": whole % HOUR // MINUTE,
        }
    return _("%(days)s d %(hours)s h") % {
        "days": number(whole // DAY),
        "hours": whole % DAY // HOUR,
    }


def seconds_short(seconds: float) -> str:
    """Write seconds as they stand in settings."""
    decimals = 0 if seconds == round(seconds) else 2
    return _("%(count)s s") % {"count": number(seconds, decimals)}


@dataclass(frozen=True)
class When:
    """A moment, in the server's zone for everybody and in the reader's own with JavaScript."""

    iso: str
    text: str


def when(moment: datetime | None) -> When | None:
    """Prepare a moment for `parts/when.html`."""
    if moment is None:
        return None
    if is_naive(moment):
        aware = make_aware(moment) if settings.USE_TZ else moment
    else:
        aware = localtime(moment) if settings.USE_TZ else make_naive(moment)
    zone = aware.tzname()
    text = formats.date_format(aware, "DATETIME_FORMAT")
    return When(aware.isoformat(), f"{text} {zone}" if zone else text)


def when_ms(milliseconds: int) -> When:
    """Prepare milliseconds since 1970 (UTC)."""
    moment = when(datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc))
    assert moment is not None
    return moment


def link(name: str, *args: str) -> str:
    """Give the address of one of our pages; "" where there is none, as for keys with a slash."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
