from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import _TestState

from massmigration.utils import test as utils_test
from massmigration.utils.apps import get_app_label_choices
from massmigration.utils.functional import MemoizedLazyList
from massmigration.utils.permissions import superuser_required
from massmigration.utils.transaction import get_transaction

ROOT = Path(__file__).parents[2]


def counted(items):
    calls = []

    def load():
        calls.append(None)
        return items

    return MemoizedLazyList(load), calls


def test_a_lazy_list_calls_its_function_once_and_only_when_looked_at():
    lazy, calls = counted([1, 2])
    assert isinstance(lazy, list)
    assert calls == []
    assert list(lazy) == [1, 2]
    assert len(lazy) == 2
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda x: x[1], 2),
        (lambda x: x[:1], [1]),
        (lambda x: 2 in x, True),
        (lambda x: x == [1, 2], True),
        (lambda x: x != [1, 2], False),
        (lambda x: x == MemoizedLazyList(lambda: [1, 2]), True),
        (lambda x: x < [1, 3], True),
        (bool, True),
        (repr, "[1, 2]"),
        (lambda x: [*x, 3], [1, 2, 3]),
        (lambda x: [0, *x], [0, 1, 2]),
        (lambda x: x * 2, [1, 2, 1, 2]),
        (lambda x: 2 * x, [1, 2, 1, 2]),
        (lambda x: list(reversed(x)), [2, 1]),
        (lambda x: sorted(x, reverse=True), [2, 1]),
        (lambda x: x.index(2), 1),
        (lambda x: x.count(2), 1),
        (lambda x: x.copy(), [1, 2]),
        (copy.deepcopy, [1, 2]),
        (lambda x: pickle.loads(pickle.dumps(x)), [1, 2]),
        (tuple, (1, 2)),
        (lambda x: [*x], [1, 2]),
    ],
)
def test_every_look_at_a_lazy_list_fills_it(read, expected):
    assert read(counted([1, 2])[0]) == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.append(1),
        lambda x: x.clear(),
        lambda x: x.extend([1]),
        lambda x: x.insert(0, 1),
        lambda x: x.pop(),
        lambda x: x.pop(0),
        lambda x: x.remove(1),
        lambda x: x.reverse(),
        lambda x: x.sort(key=str),
        lambda x: x.__setitem__(0, 1),
        lambda x: x.__delitem__(0),
        lambda x: x.__iadd__([1]),
        lambda x: x.__imul__(2),
    ],
)
def test_a_lazy_list_cannot_be_changed(change):
    lazy, _ = counted([1, 2])
    with pytest.raises(TypeError, match="cannot be changed"):
        change(lazy)
    assert lazy == [1, 2]


def test_a_lazy_list_whose_function_failed_asks_again():
    answers = iter([ValueError("not yet"), [1]])

    def load():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    lazy = MemoizedLazyList(load)
    with pytest.raises(ValueError, match="not yet"):
        len(lazy)
    assert lazy == [1]


def test_app_label_choices_are_all_labels_twice():
    labels = [config.label for config in apps.get_app_configs()]
    assert get_app_label_choices() == list(zip(labels, labels, strict=True))


def test_transactions_are_djangos():
    assert get_transaction("default") is transaction


def test_transactions_on_an_old_datastore_backend_are_its_own(monkeypatch):
    engine = {"ENGINE": "gcloudc.db.backends.datastore"}
    settings = SimpleNamespace(DATABASES={"old": engine})
    monkeypatch.setattr("massmigration.utils.transaction.settings", settings)
    monkeypatch.setitem(sys.modules, "gcloudc.db.transaction", None)
    assert get_transaction("old") is transaction
    own = ModuleType("gcloudc.db.transaction")
    for name in ("gcloudc", "gcloudc.db"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "gcloudc.db.transaction", own)
    assert get_transaction("old") is own


def test_under_pytest_tests_run():
    assert utils_test.in_tests()


def test_under_djangos_runner_tests_run(monkeypatch):
    monkeypatch.setattr(utils_test, "_pytest_runs", lambda: False)
    monkeypatch.delattr(_TestState, "saved_data", raising=False)
    assert not utils_test.in_tests()
    monkeypatch.setattr(_TestState, "saved_data", SimpleNamespace(), raising=False)
    assert utils_test.in_tests()


def test_a_process_that_a_test_starts_is_no_test_whatever_it_is_called_with():
    code = "from massmigration.utils.test import in_tests; print(in_tests())"
    command = [sys.executable, "-c", code, "shell", "test"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("user", "status"),
    [(User(is_superuser=True), 200), (User(is_staff=True), 302), (AnonymousUser(), 302)],
)
def test_all_but_superusers_are_sent_to_the_login(user, status):
    view = superuser_required(login_url="/login/")(lambda request: HttpResponse())
    request = RequestFactory().get("/page/")
    request.user = user
    response = view(request)
    assert response.status_code == status
    if status == 302:
        assert response.headers["Location"] == "/login/?next=/page/"
