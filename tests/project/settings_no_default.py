"""The settings of the tests, in a project none of whose databases is the default one."""

from __future__ import annotations

from tests.project.settings import *  # noqa: F403
from tests.project.settings import DATABASES

DATABASES["default"] = {}
