from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.apps import apps
from django.core import checks
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from massmigration.checks import register_all
from tests.unit.loading.conftest import source


def found(**options):
    return [
        (message.id, message.msg, message.hint)
        for message in checks.run_checks(tags=["massmigration"], **options)
    ]


def only(**options):
    (message,) = found(**options)
    return message


def test_a_healthy_project_has_no_warning(throwaway):
    throwaway.add(_0001_a=source(), _0002_b=source(("attic", "0001_a")))
    assert found() == []


def test_w001_a_broken_file(throwaway):
    app = throwaway.add(_0001_a="1 / 0\n")
    check_id, text, hint = only()
    assert check_id == "massmigration.W001"
    assert text.startswith("attic:0001_a cannot be used. The file cannot be imported: ZeroDivision")
    assert str(app / "massmigrations" / "0001_a.py") in hint


def test_w002_a_missing_dependency(throwaway):
    throwaway.add(_0001_a=source(("attic", "0000_gone")))
    check_id, text, hint = only()
    assert check_id == "massmigration.W002"
    assert text.startswith("attic:0001_a depends on attic:0000_gone, which does not exist.")
    assert "dependencies" in hint


def test_w003_a_circle(throwaway):
    throwaway.add(_0001_a=source(("attic", "0002_b")), _0002_b=source(("attic", "0001_a")))
    check_id, text, hint = only()
    assert check_id == "massmigration.W003"
    assert "attic:0001_a -> attic:0002_b -> attic:0001_a" in text
    assert hint


def test_w004_a_number_used_twice(throwaway):
    throwaway.add(_0001_a=source(), _0001_b=source())
    check_id, text, hint = only()
    assert check_id == "massmigration.W004"
    assert text.endswith("0001_a, 0001_b.")
    assert "key" in hint


def test_w025_a_file_that_is_passed_over_by_its_name(throwaway):
    app = throwaway.add(_0001_a=source())
    folder = app / "massmigrations"
    for name in ("0002_Big.py", "0003.py", "helpers.py", "0004_a.txt"):
        (folder / name).write_text("")
    messages = found()
    assert {check_id for check_id, _, _ in messages} == {"massmigration.W025"}
    assert [text.split(" is passed over")[0] for _, text, _ in messages] == [
        str(folder / "0002_Big.py"),
        str(folder / "0003.py"),
    ]
    assert "0001_name.py" in messages[0][2]


def test_w005_an_unknown_setting():
    with override_settings(MASSMIGRATION_BAKEND="x"):
        check_id, text, hint = only()
    assert check_id == "massmigration.W005"
    assert text == "There is no setting MASSMIGRATION_BAKEND."
    assert hint == "Did you mean MASSMIGRATION_BACKEND?"


@pytest.mark.parametrize(
    ("name", "value"), [("LEASE", 0), ("DATABASES", 5), ("DATABASES", "default"), ("BACKEND", 7)]
)
def test_w006_a_setting_with_a_value_of_no_use(name, value):
    with override_settings(**{f"MASSMIGRATION_{name}": value}):
        check_id, text, hint = only()
    assert check_id == "massmigration.W006"
    assert text.startswith(f"MASSMIGRATION_{name} is {value!r}; it must be ")
    assert hint


def test_w007_malformed_dependencies(throwaway):
    throwaway.add(_0001_a=source("0001"))
    check_id, text, hint = only()
    assert check_id == "massmigration.W007"
    assert "'0001' names no migration" in text
    assert "list of pairs" in hint


def test_checks_of_one_app_leave_out_the_others(throwaway):
    throwaway.write("other_attic", _0001_a="1 / 0\n")
    throwaway.add(_0001_a="1 / 0\n", _0002_b=source(("attic", "0000_gone")))
    throwaway.install("other_attic")
    config = apps.get_app_config("other_attic")
    assert len(found()) == 3
    _, text, _ = only(app_configs=[config])
    assert text.startswith("other_attic:0001_a ")


def test_registering_twice_checks_once(throwaway):
    register_all()
    throwaway.add(_0001_a="1 / 0\n")
    assert len(found()) == 1


def test_no_check_stops_a_command_or_asks_a_database(throwaway, monkeypatch):
    throwaway.add(_0001_a="1 / 0\n", _0002_b=source(("attic", "0000_gone")))
    for alias in connections:
        monkeypatch.setattr(connections[alias], "cursor", None)
    errors = io.StringIO()
    with override_settings(MASSMIGRATION_LEASE=0, MASSMIGRATION_NONE=1):
        call_command("check", tags=["massmigration"], stderr=errors)
    for check_id in ("W001", "W002", "W005", "W006"):
        assert f"massmigration.{check_id}" in errors.getvalue()


def test_every_check_has_a_test_named_for_it():
    source_text = Path(__file__).read_text()
    for number in range(1, 8):  # the others are in test_code_checks.py
        assert f"def test_w{number:03d}_" in source_text
