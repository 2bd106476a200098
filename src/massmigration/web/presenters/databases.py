"""What is wrong with a database: it gave no answer, or no worker has looked at it for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from massmigration.asking import Problem

LOOKED_RECENTLY = 120.0
"""A worker that has looked within so many seconds counts as there."""


def database_todo(problem: Problem | None, alias: str) -> tuple[str, str]:
    """Say what is wrong with a database that gave no answer, and what to do."""
    if problem is None:
        return "", ""
    if problem.code == "no-tables":
        return (
            _("Our tables are missing here: %(error)s") % {"error": problem.text},
            f"manage.py migrate massmigration --database {alias}",
        )
    if problem.code == "refused":
        return _("It refused: %(error)s") % {"error": problem.text}, ""
    if not problem.text:
        return _("It gave no answer in time."), ""
    return _("It does not answer: %(error)s") % {"error": problem.text}, ""
