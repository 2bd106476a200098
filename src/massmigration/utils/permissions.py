"""Who may see our pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import user_passes_test

if TYPE_CHECKING:
    from collections.abc import Callable


def superuser_required(login_url: str | None = None) -> Callable[[Any], Any]:
    """Decorate a view so that all but superusers are sent to the login."""
    return user_passes_test(lambda user: bool(user.is_superuser), login_url=login_url)
