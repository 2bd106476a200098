"""What commands say of bad words, databases that are away, backends and outputs of no use."""

from __future__ import annotations

import pytest
from django.test import override_settings

from massmigration.models import MigrationRecord
from tests.integration.commands import SLOW_KEY, command, ended, record_of, run_of, started
from tests.integration.support import AddOne, make_items, values
from tests.project.shop.models import Item


@pytest.mark.db("sqlite")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "Say which migration"),
        (["run", "shop"], "Say which migration"),
        (["run", "shop", "0001", "--all"], "leave NAME out"),
        (["run", "shop", "0777"], "0777"),
        (["run", "shap", "0001"], "Did you mean 'shop'?"),
        (["run", "shop", "0001", "--database", "nowhere"], "must be one of: default"),
        (["run", "shop", "0001", "--limit", "5", "--detach"], "leave --detach out"),
        (["pause", "shop"], "Say which migration"),
        (["pause", "shop", "0001"], "Say which with --database"),
        (["prune", "--older-than", "soon"], "not a duration"),
        (["run", "shop", "0001", "--limit", "0"], "not a whole number above 0"),
        (["dance"], "dance"),
    ],
)
def test_words_that_make_no_sense_are_one_sentence_and_exit_code_2(manage, words, sentence):
    result = manage("massmigration", *words, check=False)

    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert not MigrationRecord.objects.using("default").exists()


@pytest.mark.db("sqlite")
def test_a_beginning_that_fits_two_names_is_refused_and_both_are_named(register):
    register(AddOne, "0001_add_two")

    ambiguous = command("run", "shop", "0001_add", "--database", "default")
    unique = command("run", "shop", "0001_add_o", "--database", "default")

    assert ambiguous.code == 2
    assert ambiguous.error == (
        "'0001_add' fits more than one migration of shop: 0001_add_one, 0001_add_two."
    )
    assert unique.code == 0
    assert record_of("default", "shop:0001_add_one").is_applied


@pytest.mark.db("sqlite")
def test_a_database_that_is_away_is_one_sentence_and_exit_code_1(manage):
    words = ["--settings", "tests.project.settings_unreachable", "--database", "away"]

    result = manage("massmigration", "run", "shop", "0001", *words, check=False)

    assert result.returncode == 1
    assert (
        "shop:0001_add_one on away: the database does not answer: unable to open database file"
    ) in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.db("sqlite")
def test_all_names_the_database_that_is_away(manage):
    words = ["--settings", "tests.project.settings_unreachable", "--database", "away"]

    result = manage("massmigration", "run", "--all", *words, check=False)

    assert result.returncode == 1
    assert " on away: the database does not answer" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.db("sqlite")
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nowhere.Backend", "ModuleNotFoundError: No module named 'nowhere'"),
        ("massmigration.backends.local.LokalBackend", "ImportError: "),
        ("Backend", "ImportError: Backend doesn't look like a module path"),
        ("datetime.date", "TypeError: "),
    ],
)
def test_a_backend_that_cannot_be_used_is_one_sentence_and_starts_nothing(path, why):
    make_items("default", 3)

    with override_settings(MASSMIGRATION_BACKEND=path):
        result = command("run", "shop", "0004", "--detach", "--database", "default")

    assert result.code == 1
    assert result.error.startswith(f"The backend {path} of {SLOW_KEY} cannot be used: {why}")
    assert not MigrationRecord.objects.using("default").exists()


@pytest.mark.db("sqlite")
def test_retry_with_a_backend_that_cannot_be_used_retries_and_says_so(monkeypatch):
    make_items("default", 3)
    monkeypatch.setenv("MM_SLOW_FAIL_AT", "item 1")
    command("run", "shop", "0004", "--database", "default")

    with override_settings(MASSMIGRATION_BACKEND="nowhere.Backend"):
        result = command("retry", "shop", "0004", "--database", "default")

    assert result.code == 0, result
    assert "The backend nowhere.Backend of shop:0004_slow cannot be used" in result.out
    assert run_of("default").status == "enqueued"


@pytest.mark.db("sqlite")
def test_a_project_that_manages_no_database_is_told_so():
    with override_settings(MASSMIGRATION_DATABASES=[]):
        status = command("status", "--database", "default")
        run = command("run", "shop", "0004")

    assert status.error.startswith("Migrations are applied on no database. See MASSMIGRATION_")
    assert run.error.endswith("migrations are applied on: none.")


@pytest.mark.processes
@pytest.mark.db("sqlite")
def test_a_reader_that_leaves_early_neither_stops_the_work_nor_brings_a_traceback():
    make_items("default", 5)

    with started("run", "shop", "0004", "--database", "default", "--format", "json") as process:
        process.stdout.close()
        code, errors = process.wait(timeout=60), process.stderr.read()

    assert (code, errors) == (0, "")
    assert values("default") == [1] * 5
    with started("status") as process:
        process.stdout.close()
        code, errors = process.wait(timeout=60), process.stderr.read()
    assert (code, errors) == (0, "")


@pytest.mark.processes
@pytest.mark.db("sqlite")
def test_a_project_without_a_default_database_works_on_the_others(manage):
    make_items("other", 5)
    words = ("--settings", "tests.project.settings_no_default")

    manage("massmigration", "run", "shop", "0004", "--detach", "--database", "other", *words)
    manage("massmigration", "worker", "--once", *words)
    manage("massmigration", "recover", *words)
    manage("massmigration", "prune", "--older-than", "90d", *words)
    shown = manage("massmigration", "status", *words)
    refused = manage(
        "massmigration", "run", "shop", "0004", "--database", "default", *words, check=False
    )

    assert values("other") == [1] * 5
    assert "Database default" not in shown.stdout
    assert refused.returncode == 2
    assert "No migrations are applied on database 'default'" in refused.stderr


@pytest.mark.db("sqlite")
def test_what_the_outputs_encoding_does_not_have_is_escaped_and_stops_nothing():
    make_items("default", 5)
    words = ("run", "shop", "0004", "--database", "default")
    ascii_only = {"PYTHONIOENCODING": "ascii", "MM_SLOW_FAIL_AT": "Äpfel"}
    Item.objects.using("default").filter(name="item 3").update(name="Äpfel")

    with started(*words, **ascii_only) as process:
        assert ended(process).code == 1
    with started("status", **ascii_only) as process:
        shown = ended(process)

    assert (shown.code, shown.error) == (0, "")
    assert "no luck with \\xc4pfel" in shown.out
