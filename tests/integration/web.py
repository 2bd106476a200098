"""What tests of the pages share: users, what a page says, queries, migrations that misbehave."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from typing import TYPE_CHECKING

from django.contrib.auth.models import Permission, User
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.urls import reverse

from massmigration.migrations import MapperMigration, SimpleMigration
from tests.project.shop.models import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpResponse

HOSTILE = "<script>alert(1)</script>\"'&<!--"
PERMISSIONS = {"viewer": "view_migrationrecord", "operator": "operate_migrationrecord"}


def client_of(role: str) -> Client:
    """Give a client that is signed in as this role; `anonymous` is not."""
    client = Client()
    if role == "anonymous":
        return client
    if role == "superuser":
        user = User.objects.create_superuser(role, password="secret")
    else:
        user = User.objects.create_user(role, password="secret")
        if role in PERMISSIONS:
            user.user_permissions.add(Permission.objects.get(codename=PERMISSIONS[role]))
    client.force_login(user)
    return client


def url(name: str, key: str = "shop:0900_test", db_alias: str = "default") -> str:
    if name in {"manage", "manage_live"}:
        return reverse(f"massmigration_{name}")
    return reverse(f"massmigration_{name}", args=[key, db_alias])


def plain(response: HttpResponse) -> str:
    """Give a page's text without its tags."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(text.split())


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count statements on our tables by database, in whichever thread they run."""
    found: Counter[str] = Counter()
    execute = CursorWrapper.execute

    def count(self, sql, params=None):
        if "massmigration_" in str(sql):
            found[self.db.alias] += 1
        return execute(self, sql, params)

    CursorWrapper.execute = count
    try:
        yield found
    finally:
        CursorWrapper.execute = execute


class FailAtFive(MapperMigration):
    """Fails at the row whose n is 5."""

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.n == 5:
            msg = "<script>alert('five')</script>"
            raise ValueError(msg)
        obj.note = "done"
        obj.save(update_fields=["note"])


class Nothing(SimpleMigration):
    """Does nothing."""

    def operation(self, db_alias):
        del db_alias


class External(SimpleMigration):
    """Is worked on elsewhere."""

    def launch(self, db_alias):
        self.mark_as_started(db_alias)


class Hostile(SimpleMigration):
    __doc__ = f"Described {HOSTILE}"
    allowed_db_aliases = None

    def operation(self, db_alias):
        del db_alias
        raise RuntimeError(HOSTILE)
