from __future__ import annotations

import json
import logging

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpResponse
from django.template import TemplateSyntaxError
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from massmigration.enforcement import requires_migration, view_requires_migration
from massmigration.enforcement.unavailable import prefers_json
from massmigration.exceptions import RequiredMigrationNotApplied
from tests.unit.enforcement.conftest import KEY

needs = view_requires_migration(KEY, skip_in_tests=False)
pytestmark = pytest.mark.usefixtures("answer_of")


def request(accept="text/html", method="get"):
    return getattr(RequestFactory(), method)("/", headers={"accept": accept})


@needs
def view(request, *args, **kwargs):
    return HttpResponse(f"done {args} {kwargs}")


@needs
async def async_view(request):
    return HttpResponse("done")


@needs
class ClassView(View):
    def get(self, request, n=0):
        return HttpResponse(f"got {n}")


@needs
class AsyncClassView(View):
    async def get(self, request, n=0):
        return HttpResponse(f"got {n}")


@method_decorator(needs, name="dispatch")
class DispatchDecorated(View):
    def get(self, request, n=0):
        return HttpResponse(f"got {n}")


class PostDecorated(View):
    def get(self, request, n=0):
        return HttpResponse("free")

    @method_decorator(needs)
    def post(self, request, n=0):
        return HttpResponse(f"got {n}")


class SubclassOfClassView(ClassView):
    def post(self, request):
        return HttpResponse("posted")


def call(view, *args, **kwargs):
    if iscoroutinefunction(view):
        got = AsyncRequestFactory().get("/", headers={"accept": "text/html"})
        return async_to_sync(view)(got, *args, **kwargs)
    return view(request(), *args, **kwargs)


VIEWS = {
    "function": view,
    "coroutine": async_view,
    "class": ClassView.as_view(),
    "async class": AsyncClassView.as_view(),
    "as_view": needs(View.as_view()),
    "as_view of async": needs(type("A", (View,), {"get": AsyncClassView.get}).as_view()),
    "dispatch": DispatchDecorated.as_view(),
    "subclass": SubclassOfClassView.as_view(),
    "is_view": requires_migration(KEY, is_view=True, skip_in_tests=False)(lambda request: None),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_answers_503_with_retry_after_until_the_migration_is_applied(name, caplog):
    response = call(VIEWS[name])
    assert response.status_code == 503
    assert response["Retry-After"] == "60"
    assert response["Cache-Control"] == "no-store"
    assert "Accept" in response["Vary"]
    assert response["Content-Type"].startswith("text/html")
    assert "data changes which have not yet been made" in response.content.decode()
    assert KEY not in response.content.decode(), "strangers need not know it"
    assert f"requires the migration {KEY}" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_once_applied_every_kind_of_view_answers(answer_of):
    answer_of("")
    assert view(request(), 1, n=2).content == b"done (1,) {'n': 2}"
    assert call(async_view).content == b"done"
    for each in (ClassView, AsyncClassView, DispatchDecorated):
        assert call(each.as_view(), n=3).content == b"got 3"
        assert call(each.as_view(), n=4).content == b"got 4", "from memory"


def test_a_decorated_method_of_a_class_waits_alone(answer_of):
    assert PostDecorated.as_view()(request(method="get")).content == b"free"
    assert PostDecorated.as_view()(request(method="post")).status_code == 503
    answer_of("")
    assert PostDecorated.as_view()(request(method="post"), n=5).content == b"got 5"


def test_a_decorated_class_of_views_stays_that_class():
    assert isinstance(ClassView, type)
    assert issubclass(SubclassOfClassView, ClassView)
    assert iscoroutinefunction(AsyncClassView.as_view())
    assert not iscoroutinefunction(ClassView.as_view())


def test_requires_migration_on_a_class_of_views_raises_at_the_request():
    @requires_migration(KEY, skip_in_tests=False)
    class Raises(View):
        def get(self, request):
            return HttpResponse("done")

    Raises()
    with pytest.raises(RequiredMigrationNotApplied, match="Raises requires"):
        Raises.as_view()(request())


def test_marks_of_other_decorators_stay():
    assert needs(csrf_exempt(lambda request: None)).csrf_exempt is True


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("application/vnd.api+json", True),
        ("application/*", True),
        ("text/html;q=0.5, application/json", True),
        ("text/html, application/json;q=0.5", False),
        ("text/html, application/json", False),
        ("application/json;q=0, */*", False),
        ("application/json;q=wrong", False),
        ("image/png", False),
    ],
)
def test_json_is_given_to_who_prefers_it(accept, is_json):
    assert prefers_json(accept) is is_json
    response = view(request(accept))
    assert response["Content-Type"].startswith("application/json" if is_json else "text/html")
    assert response.status_code == 503
    assert response["Retry-After"] == "60"
    if is_json:
        body = json.loads(response.content)
        assert body["retry_after"] == 60
        assert "not yet been made" in body["detail"]


def test_retry_after_is_a_setting():
    with override_settings(MASSMIGRATION_RETRY_AFTER=7.4):
        assert view(request())["Retry-After"] == "7"
        assert json.loads(view(request("application/json")).content)["retry_after"] == 7


def templates(loaders_source):
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", loaders_source)],
                "context_processors": ["django.template.context_processors.request"],
            },
        }
    ]


def test_a_project_can_override_the_page():
    source = "{{ request.path }} comes back in {{ retry_after }} s: {{ message }}"
    with override_settings(TEMPLATES=templates({"massmigration/503.html": source})):
        response = view(request())
    assert response.content.decode().startswith("/ comes back in 60 s: This resource requires")
    assert response.status_code == 503


@pytest.mark.parametrize("files", [{}, {"massmigration/503.html": "{% broken %}"}])
def test_without_a_usable_template_the_answer_comes_as_text(files, caplog):
    with override_settings(TEMPLATES=templates(files)):
        response = view(request())
    assert response.status_code == 503
    assert response["Retry-After"] == "60"
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    errors = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert errors
    assert not files or errors == [TemplateSyntaxError]


def test_the_page_works_under_a_strict_content_security_policy():
    page = view(request()).content.decode()
    assert "<script" not in page
    assert "style" not in page


def test_a_view_called_without_a_request_answers_too():
    assert view(None).status_code == 503


def test_a_class_that_is_no_view_is_refused():
    with pytest.raises(TypeError, match="Thing is no class of views"):

        @needs
        class Thing:
            pass
