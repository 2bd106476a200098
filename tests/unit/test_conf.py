from __future__ import annotations

import pytest
from django.test import override_settings

from massmigration import conf
from massmigration.exceptions import SettingsError

SECONDS = ["LEASE", "BATCH_SECONDS", "MAX_BATCH_HOLD", "SLICE_SECONDS"]
NOT_NEGATIVE = ["RECORD_CACHE_TIMEOUT", "RETRY_AFTER", "PAUSE_BETWEEN_BATCHES", "POLL_SECONDS"]

WRONG = [
    *((name, value) for name in SECONDS for value in (0, -1, "5", True, [], float("nan"))),
    *((name, float("inf")) for name in (*SECONDS, *NOT_NEGATIVE)),
    *((name, value) for name in NOT_NEGATIVE for value in (-1, "5", True, float("nan"))),
    *(("MAX_BATCH_SIZE", value) for value in (0, -1, 1.5, "5", True)),
    ("LEASE", None),
    *(("LOCAL_THREAD", value) for value in (1, 0, "no", None)),
    *(("ENFORCE", value) for value in (1, 0, "no")),
    *(("DATABASES", value) for value in ("default", [1], 5, {"default": 1})),
    *((name, value) for name in ("BACKEND", "TASK_QUEUE") for value in (1, b"x", ["x"])),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_setting_is_refused_with_its_name_and_value(name, value):
    with (
        override_settings(**{f"MASSMIGRATION_{name}": value}),
        pytest.raises(SettingsError) as caught,
    ):
        conf.get_settings()

    beginning = f"MASSMIGRATION_{name} is {value!r}; it must be "
    assert str(caught.value).startswith((beginning + "a ", beginning + "True or False"))
    assert str(caught.value).endswith(".")


RIGHT = [
    ("LEASE", 0.5),
    ("BATCH_SECONDS", None),
    ("PAUSE_BETWEEN_BATCHES", 0),
    ("PAUSE_BETWEEN_BATCHES", None),
    ("DATABASES", ["default"]),
    ("DATABASES", None),
    ("BACKEND", "a.B"),
    ("BACKEND", None),
    ("LOCAL_THREAD", False),
    ("ENFORCE", None),
    ("ENFORCE", True),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_right_setting_is_in_force_as_long_as_it_is_set(name, value):
    before = getattr(conf.get_settings(), name)
    with override_settings(**{f"MASSMIGRATION_{name}": value}):
        got = getattr(conf.get_settings(), name)
        assert got == (tuple(value) if isinstance(value, list) else value)
    assert getattr(conf.get_settings(), name) == before


def test_setting_that_does_not_exist_is_named():
    with override_settings(MASSMIGRATION_LEESE=5):
        assert conf.unknown_settings() == ["MASSMIGRATION_LEESE"]
