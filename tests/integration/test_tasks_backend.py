"""What `TasksBackend` asks of django.tasks, or of its backport; workers are in tests/contract."""

from __future__ import annotations

import importlib.util
from datetime import datetime, timedelta, timezone
from importlib import import_module

import pytest
from django.test import override_settings

if not (importlib.util.find_spec("django.tasks") or importlib.util.find_spec("django_tasks")):
    pytest.skip("neither django.tasks nor django-tasks is here", allow_module_level=True)

from massmigration import api
from massmigration.backends import tasks
from massmigration.backends.messages import Message
from massmigration.backends.tasks import TasksBackend
from massmigration.exceptions import RefusedParams
from massmigration.models import Run
from tests.integration.support import AddOne, make_items, run_of, values

PATH = "massmigration.backends.tasks.TasksBackend"
RUN = "8a1c52a4-7f2f-44f9-a7fa-3f4a2a3d2a11"

Dummy = import_module(f"{tasks.tasks.__name__}.backends.dummy").DummyBackend


class Noting(Dummy):
    """Takes tasks as a queue does, and keeps them."""

    supports_defer = True
    supports_priority = True


class Plain(Dummy):
    """Knows neither times nor priorities."""

    supports_defer = False
    supports_priority = False


def with_tasks(**backends):
    return override_settings(
        TASKS={
            alias: {"BACKEND": f"{__name__}.{name}", "QUEUES": ["default", "low"]}
            for alias, name in backends.items()
        }
    )


def noted(alias="default"):
    (result,) = tasks.task_backends[alias].results
    return result


def message(**params):
    return Message("default", RUN, 2, 5, params)


def test_a_message_is_a_task_with_text_and_numbers():
    with with_tasks(default="Noting"):
        TasksBackend().enqueue(message())

        found = noted()
        assert found.task.func is tasks.work.func
        assert found.kwargs == {"db_alias": "default", "run_id": RUN, "ticket": 2, "number": 5}
        assert found.task.run_after is None


def test_a_delay_is_the_time_after_which_it_may_run():
    with with_tasks(default="Noting"):
        TasksBackend().enqueue(message(), delay=15)

        wanted = datetime.now(timezone.utc) + timedelta(seconds=15)
        assert abs(noted().task.run_after - wanted) < timedelta(seconds=5)


def test_params_name_backend_queue_and_priority():
    with with_tasks(default="Noting", slow="Noting"):
        TasksBackend().enqueue(message(backend="slow", queue_name="low", priority=-10))

        found = noted("slow").task
        assert (found.backend, found.queue_name, found.priority) == ("slow", "low", -10)


def test_a_subclass_names_them_for_all_migrations():
    class Ours(TasksBackend):
        queue_name = "low"

    with with_tasks(default="Noting"):
        Ours().enqueue(message())
        assert noted().task.queue_name == "low"


@pytest.mark.parametrize(("name", "can"), [("Noting", True), ("Plain", False)])
def test_delays_are_as_the_backend_of_tasks_can(name, can):
    with with_tasks(default=name):
        assert TasksBackend().supports_delay is can


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"backend": "nowhere"}, "TASKS has no backend 'nowhere'; it must be one of: default"),
        ({"queue_name": "high"}, "Queue 'high' is not valid for backend"),
        ({"priority": 5}, "does not support setting priority"),
        ({"priority": "5"}, "must be int"),
    ],
)
def test_a_launch_with_params_that_tasks_refuses_is_refused(alias, register, params, words):
    class Wrong(AddOne):
        backend = PATH
        backend_params = params

    make_items(alias, 1)
    with with_tasks(default="Plain"), pytest.raises(RefusedParams, match=words):
        api.launch(register(Wrong), alias)
    assert not Run.objects.using(alias).exists()


@pytest.mark.parametrize("name", ["dummy.DummyBackend", "immediate.ImmediateBackend"])
def test_what_is_no_queue_is_refused_by_check_and_at_launch(alias, register, name):
    class OnTasks(AddOne):
        backend = PATH

    path = f"{tasks.tasks.__name__}.backends.{name}"
    with override_settings(TASKS={"default": {"BACKEND": path}}):
        (sentence,) = TasksBackend().check()
        with pytest.raises(RefusedParams, match="which is no queue"):
            api.launch(register(OnTasks), alias)

    assert sentence == (
        f"TASKS['default'] is the {name.partition('.')[2]}, which is no queue; name one with"
        " workers, such as django_tasks_db.DatabaseBackend."
    )


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, {"backend": "default", "queue_name": "default"}),
        ({"mail": {"QUEUES": ["low", "high"]}}, {"backend": "mail", "queue_name": "high"}),
        ({"default": {"QUEUES": []}}, {"backend": "default", "queue_name": "default"}),
    ],
)
def test_the_task_is_declared_for_a_backend_and_queue_that_exist(given, found):
    with override_settings(TASKS=given):
        assert tasks._valid_somewhere() == found


def test_the_task_does_a_slice(alias, register):
    class OnTasks(AddOne):
        backend = PATH

    make_items(alias, 3)
    with with_tasks(default="Noting"):
        api.launch(register(OnTasks), alias)
        given = tasks.task_backends["default"].results[0].kwargs
        assert given["run_id"] == str(run_of(alias).id)
        tasks.work.call(**given)

    assert values(alias) == [1, 1, 1]


def test_slices_keep_well_under_the_time_that_rq_gives_a_task(register):
    pytest.importorskip("django_tasks_rq")
    rq = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
    migration = register(AddOne)

    with override_settings(TASKS=rq, RQ_QUEUES={"default": {"HOST": "127.0.0.1"}}):
        assert TasksBackend().slice_seconds(migration) == 60
    with override_settings(TASKS=rq, RQ_QUEUES={"default": {"DEFAULT_TIMEOUT": 30}}):
        assert TasksBackend().slice_seconds(migration) == 10
