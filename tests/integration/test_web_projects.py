"""The pages in other people's projects: with templates of their own, or without the admin."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls import include, path

from massmigration import api
from massmigration.web import views
from tests.integration.support import AddOne
from tests.integration.web import url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]


def test_pages_work_where_a_project_has_a_base_of_its_own(register, client, tmp_path):
    folder = tmp_path / "massmigration"
    folder.mkdir()
    (folder / "base.html").write_text("<!doctype html>[own]{% block content %}{% endblock %}[own]")
    api.launch(register(AddOne), "default")
    with own_templates(tmp_path):
        for name in ("manage", "detail", "cancel", "delete"):
            page = client.get(url(name))
            assert page.content.count(b"[own]") == 2
            assert b"massmigration.css" in page.content
            assert b"django-admin" not in page.content


def test_pages_work_where_a_project_has_templates_of_0_3(register, client, tmp_path):
    folder = tmp_path / "massmigration"
    folder.mkdir()
    (folder / "manage_migrations.html").write_text(
        "{% extends 'massmigration/base.html' %}{% block content %}"
        "{% for alias in available_db_aliases %}[{{ alias }}]{% endfor %}"
        "{% for migration in migrations %}{{ migration.app_label }} {{ migration.name }}"
        "{% for alias, each in migration.records_map.items %}"
        "{% if each.is_allowed_on_db_alias %}"
        "<a href=\"{% url 'massmigration_run' key=migration.key db_alias=alias %}\">"
        "{% if each.record %}{{ each.record.status }}{% else %}NOT RUN{% endif %}</a>"
        "{% endif %}{% endfor %}{% endfor %}{% endblock %}"
    )
    (folder / "migration_detail.html").write_text(
        "{% extends 'massmigration/base.html' %}{% block content %}"
        "{{ migration.key }}{{ migration.description }}{{ migration.backend_str }}{{ db_alias }}"
        "{% for each in dependencies %}{{ each.key }} {{ each.record.status }}{% endfor %}"
        "{{ record.status }}{{ record.applied_at }}{% endblock %}"
    )
    api.run(register(AddOne), "default")
    with own_templates(tmp_path):
        page = client.get(url("manage")).content.decode()
        assert "[default][other]" in page
        assert ">APPLIED</a>" in page
        assert ">NOT RUN</a>" in page
        assert "APPLIED" in client.get(url("detail")).content.decode()


def test_pages_work_without_the_admin(register, client):
    api.launch(register(AddOne), "default")
    with override_settings(ROOT_URLCONF=__name__):
        for address in ("/deep/er/manage/", "/deep/er/detail/shop:0900_test/default/"):
            page = client.get(address)
            assert page.status_code == 200
            assert b"mm-header" in page.content
            assert b"/admin/" not in page.content


urlpatterns = [path("deep/er/", include("massmigration.urls"))]


def own_templates(folder):
    from django.conf import settings  # noqa: PLC0415 - beside its only use

    (first,) = settings.TEMPLATES
    return override_settings(TEMPLATES=[{**first, "DIRS": [str(folder)]}])


def test_the_import_paths_of_0_3_are_the_views():
    from massmigration.views import manage_migrations, migration_detail  # noqa: PLC0415

    assert manage_migrations is views.manage
    assert migration_detail is views.detail
