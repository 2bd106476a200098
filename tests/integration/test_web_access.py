from __future__ import annotations

import uuid

import django
import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from massmigration import api
from massmigration.models import Event, MigrationRecord, Run
from tests.integration.support import AddOne, make_items
from tests.integration.web import Nothing, client_of, url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("two_databases")]

ROLES = ("anonymous", "user", "viewer", "operator", "superuser")
LOOK = ("manage", "manage_live", "detail")
ACT = ("run", "pause", "resume", "retry", "cancel", "restart", "fake", "delete")


@pytest.fixture
def migration(register):
    return register(Nothing)


def expected_of(role: str, name: str, method: str) -> set[int]:
    if role == "anonymous":
        return {302}
    if role == "user" or (role == "viewer" and name in ACT):
        return {403}
    if name in LOOK:
        return {200} if method == "get" else {405}
    return {200, 302}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_what(migration, role, method):
    client = client_of(role)

    for name in (*LOOK, *ACT):
        response = getattr(client, method)(url(name))

        assert response.status_code in expected_of(role, name, method), name
        if role == "anonymous":
            assert response["Location"].startswith("/admin/login/?next=/migrations/")
    if role in {"anonymous", "user", "viewer"}:
        assert not MigrationRecord.objects.exists()
        assert not Event.objects.exists()


@pytest.mark.parametrize("role", ROLES)
def test_who_may_ask_for_the_part_that_moves(register, role):
    make_items("default", 1)
    api.launch(register(AddOne), "default")
    address = f"{url('detail_live')}?run={Run.objects.get().id}"

    status = client_of(role).get(address).status_code

    assert status == {"anonymous": 302, "user": 403}.get(role, 200)


def test_a_switched_off_superuser_is_let_in_nowhere(migration):
    client = client_of("superuser")
    User.objects.update(is_active=False)

    assert client.get(url("manage")).status_code == 302


def test_acting_takes_a_csrf_token(migration):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ann", password="secret"))

    for name in ACT:
        assert client.post(url(name)).status_code == 403
    assert not MigrationRecord.objects.exists()


def test_visitors_go_to_login_url_where_it_leads_somewhere(migration):
    with override_settings(LOGIN_URL="massmigration_manage"):
        response = Client().get(url("detail"))
    assert response["Location"].startswith("/migrations/manage/?next=")

    with override_settings(LOGIN_URL="https://sso.example/login"):
        response = Client().get(url("detail"))
    assert response["Location"].startswith("https://sso.example/login?next=")


def test_a_missing_login_page_leads_to_the_admins(migration):
    with override_settings(LOGIN_URL="/no/such/page/"):
        response = Client().get(url("manage"))
    assert response["Location"].startswith("/admin/login/")


def test_login_url_is_found_under_a_script_prefix(migration):
    with override_settings(LOGIN_URL="admin:login", FORCE_SCRIPT_NAME="/prefix"):
        response = Client().get(url("manage"), SCRIPT_NAME="/prefix")
    assert "/admin/login/" in response["Location"]


@pytest.mark.skipif(django.VERSION < (5, 1), reason="came with Django 5.1")
@pytest.mark.parametrize("role", ROLES)
def test_access_is_the_same_under_login_required_middleware(migration, settings_with, role):
    login_required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    with settings_with(MIDDLEWARE=login_required):
        client = client_of(role)
        response = client.get(url("manage"))
        assert response.status_code in expected_of(role, "manage", "get")
        if role == "anonymous":
            assert response["Location"].startswith("/admin/login/")
        response = client.post(url("run"))
        assert response.status_code in expected_of(role, "run", "post")


@pytest.mark.parametrize(
    ("key", "db_alias"),
    [
        ("shop:0999_no_such", "default"),
        ("shop", "default"),
        ("a:b:c", "default"),
        ("%00", "default"),
        ("shop:\x00", "default"),
        ("'; DROP TABLE x; --", "default"),
        ("\N{SNOWMAN}:\N{PILE OF POO}", "default"),
        ("x" * 300, "default"),
        ("shop:0900_test", "no_such"),
        ("shop:0900_test", "\x00"),
        ("SHOP:0900_TEST", "default"),
    ],
)
def test_garbage_in_an_address_is_not_found(migration, key, db_alias):
    client = client_of("superuser")

    for name in ("detail", "detail_live", *ACT):
        assert client.get(url(name, key, db_alias)).status_code == 404
    for name in ACT:
        assert client.post(url(name, key, db_alias)).status_code == 404
    assert not MigrationRecord.objects.exists()


@pytest.mark.parametrize("run", ["", "garbage", str(uuid.UUID(int=7)), "\x00"])
def test_an_unknown_run_is_not_found(migration, run):
    response = client_of("superuser").get(url("detail_live"), {"run": run})

    assert response.status_code == 404


def test_a_run_is_not_shown_under_another_key(register):
    make_items("default", 1)
    api.launch(register(AddOne), "default")
    register(Nothing, "0901_other")
    address = url("detail_live", "shop:0901_other")

    response = client_of("superuser").get(address, {"run": str(Run.objects.get().id)})

    assert response.status_code == 404
