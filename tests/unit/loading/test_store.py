from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.apps import apps
from django.core.exceptions import AppRegistryNotReady
from django.test import override_settings

from massmigration.exceptions import BrokenMigration, MigrationNotFound
from massmigration.loader import load_migration
from massmigration.loading import MigrationsStore, files, store
from tests.unit.loading.conftest import source

RAISES = "\n\ndef fail():\n    raise {}\n\n\nfail()\n"
HAS_CLASS = "class Migration:\n    key = dependencies = get_allowed_db_aliases = None\n"


def only_broken():
    (file,) = (file for file in store.broken if file.key.startswith("attic:"))
    return file


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("def :\n", "The file cannot be imported: SyntaxError: invalid syntax (0001_a.py, line 1)"),
        ("\x00", "The file cannot be imported: "),
        (
            RAISES.format("ValueError('no\\nway')"),
            "The file cannot be imported: ValueError: no (0001_a.py, line 4)",
        ),
        ("import sys\nsys.exit(3)\n", "The file cannot be imported: SystemExit: 3"),
        ("class E(BaseException): pass\nraise E()", "The file cannot be imported: "),
        ("import nowhere\n", "No module named 'nowhere' (0001_a.py, line 1)"),
        ("x = 1\n", "The file has no class named Migration."),
        ("Migration = 7\n", "Migration is no class, but 7."),
        ("def Migration(app_label, name): pass", "Migration is no class, but <function Migration"),
        (
            "from django.db.migrations import Migration\n",
            "Migration does not derive from a class of massmigration.migrations.",
        ),
        (
            HAS_CLASS + "    def __init__(self, *args): raise RuntimeError('never')\n",
            "The migration cannot be made: RuntimeError: never (0001_a.py, line 3)",
        ),
        (HAS_CLASS, "The migration cannot be made: TypeError: "),
        (
            "def __getattr__(name): return 1 / 0\n",
            "The migration cannot be made: ZeroDivisionError: division by zero (0001_a.py, line 1)",
        ),
        (
            (
                "from massmigration.exceptions import DbAliasNotAllowed\n"
                "raise DbAliasNotAllowed('There is no database x.')\n"
            ),
            "DbAliasNotAllowed: There is no database x. (0001_a.py, line 2)",
        ),
        (
            "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n",
            "The file cannot be imported: ",
        ),
    ],
)
def test_a_broken_file_is_described_in_one_line_and_stops_no_other(throwaway, text, error):
    app = throwaway.add(_0001_a=text, _0002_b=source())
    broken = only_broken()
    assert error in broken.error
    assert "\n" not in broken.error
    assert broken.key == "attic:0001_a"
    assert broken.path == str(app / "massmigrations" / "0001_a.py")
    assert store.get("attic:0002_b").name == "0002_b"


def test_the_traceback_begins_in_the_users_file(throwaway):
    app = throwaway.add(_0001_a=RAISES.format("ValueError('no way')"))
    lines = only_broken().traceback.splitlines()
    assert str(app / "massmigrations" / "0001_a.py") in lines[1]
    assert lines[-1] == "ValueError: no way"
    assert "importlib" not in only_broken().traceback


def test_a_broken_init_breaks_each_file_of_the_folder(throwaway):
    app = throwaway.write("attic", _0001_a=source(), _0002_b=source())
    (app / "massmigrations" / "__init__.py").write_text("1 / 0\n")
    throwaway.install("attic")
    broken = [file for file in store.broken if file.key.startswith("attic:")]
    assert [file.key for file in broken] == ["attic:0001_a", "attic:0002_b"]
    assert "ZeroDivisionError: division by zero (__init__.py, line 1)" in broken[0].error


def test_a_folder_that_cannot_be_read_stops_no_other_app(throwaway, monkeypatch):
    throwaway.write("other_attic", _0001_a=source())
    throwaway.add(_0001_a=source())
    throwaway.install("other_attic")
    real = files._file_names

    def refuse(folder):
        if "other_attic" in folder:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(files, "_file_names", refuse)
    (broken,) = store.broken
    assert broken.error == "The folder cannot be read: Permission denied."
    assert "attic:0001_a" in store.by_key


def test_ctrl_c_at_import_is_not_swallowed(throwaway):
    throwaway.add(_0001_a="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        store.load()


def test_a_corrected_file_is_usable_after_a_reset(throwaway):
    app = throwaway.add(_0001_a="def :\n")
    assert only_broken()
    (app / "massmigrations" / "0001_a.py").write_text(source())
    store.reset()
    assert store.get("attic:0001_a")
    assert store.broken == []


def test_a_new_file_is_found_after_a_reset(throwaway):
    app = throwaway.add(_0001_a=source())
    store.load()
    folder = app / "massmigrations"
    before = folder.stat()
    (folder / "0002_b.py").write_text(source())
    # As when both happen within one tick of the file system's clock.
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    store.reset()
    assert store.get("attic:0002_b")


def test_loading_twice_reads_once(throwaway):
    throwaway.add(_0001_a=source())
    store.load()
    first = store.get("attic:0001_a")
    store.load()
    assert store.get("attic:0001_a") is first
    assert store.all is not store.all


def test_changed_installed_apps_are_seen_at_once(throwaway):
    throwaway.add(_0001_a=source())
    assert "attic:0001_a" in store.by_key
    throwaway.overrides.pop().disable()
    assert "attic:0001_a" not in store.by_key


def test_other_settings_do_not_reset_the_store(throwaway):
    throwaway.add(_0001_a=source())
    first = store.get("attic:0001_a")
    with override_settings(DEBUG=True):
        assert store.get("attic:0001_a") is first


def test_threads_that_ask_at_once_get_the_same_instances(throwaway):
    slow = "import time\ntime.sleep(0.05)\n" + source()
    throwaway.add(**{f"_{n:04d}_x": slow for n in range(1, 6)})
    fresh, barrier = MigrationsStore(), threading.Barrier(8)

    def ask(_):
        barrier.wait()
        return [id(migration) for migration in fresh.all]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert len(answers[0]) >= 5
    assert all(answer == answers[0] for answer in answers)


def test_threads_that_load_at_once_make_each_migration_once(throwaway):
    """In 0.3.x each thread added its own to the list."""
    slow = "import time\ntime.sleep(0.05)\n" + source()
    throwaway.add(**{f"_{n:04d}_x": slow for n in range(1, 4)})
    fresh, barrier = MigrationsStore(), threading.Barrier(8)

    def load(_):
        barrier.wait()
        fresh.load()
        return [id(each) for each in fresh.all if each.app_label == "attic"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(load, range(8)))
    fresh.load()
    now = {id(each): each.name for each in fresh.all if each.app_label == "attic"}
    assert list(now.values()) == ["0001_x", "0002_x", "0003_x"]
    assert answers == [list(now)] * 8


def test_a_file_that_asks_for_the_migrations_at_import_is_broken_and_does_not_hang(throwaway):
    throwaway.add(_0001_a="from massmigration.loading import store\nstore.all\n" + source())
    assert "asked for while their files are being imported" in only_broken().error


def test_asked_before_models_are_there_nothing_is_loaded(throwaway, monkeypatch):
    throwaway.add(_0001_a=source())
    with monkeypatch.context() as patch:
        patch.setattr(apps, "models_ready", False)
        with pytest.raises(AppRegistryNotReady):
            store.load()
    assert store.get("attic:0001_a")


@pytest.mark.parametrize("identifier", ["attic:0001_a", ("attic", "0001_a")])
def test_a_migration_is_got_by_key_or_pair(throwaway, identifier):
    throwaway.add(_0001_a=source())
    assert store.get(identifier).key == "attic:0001_a"


def test_getting_an_unknown_migration_names_the_nearest(throwaway):
    throwaway.add(_0001_happy=source())
    with pytest.raises(MigrationNotFound, match=r"Did you mean attic:0001_happy\?"):
        store.get("attic:0001_hapy")


def test_getting_from_an_unknown_app_names_the_nearest_app(throwaway):
    throwaway.add(_0001_happy=source())
    with pytest.raises(MigrationNotFound, match=r"Did you mean 'attic'\?"):
        store.get("atic:0001_happy")


def test_getting_by_what_is_no_key_says_what_a_key_is():
    with pytest.raises(MigrationNotFound, match='use "app_label:0001_name"'):
        store.get("0001_happy")


def test_getting_a_broken_migration_says_what_is_wrong(throwaway):
    throwaway.add(_0001_a="1 / 0\n")
    with pytest.raises(BrokenMigration, match=r"attic:0001_a cannot be used\. .*division by zero"):
        store.get("attic:0001_a")


@pytest.mark.parametrize("prefix", ["0002_beta", "0002", "2", "02", "0002_b", "0002_beta.py"])
def test_a_prefix_or_a_number_finds_the_migration(throwaway, prefix):
    throwaway.add(_0001_alpha=source(), _0002_beta=source(), _0020_gamma=source())
    assert store.find("attic", prefix).name == "0002_beta"


def test_a_whole_name_wins_over_longer_ones(throwaway):
    throwaway.add(_0001_a=source(), _0001_a_b=source())
    assert store.find("attic", "0001_a").name == "0001_a"


@pytest.mark.parametrize("prefix", ["0001", "1", "0001_a"])
def test_an_ambiguous_prefix_is_refused_with_the_candidates(throwaway, prefix):
    throwaway.add(_0001_aa=source(), _0001_ab=source())
    with pytest.raises(MigrationNotFound, match=r": 0001_aa, 0001_ab\."):
        store.find("attic", prefix)


def test_a_long_list_of_candidates_is_cut(throwaway):
    throwaway.add(**{f"_{n:04d}_x": source() for n in range(1, 15)})
    with pytest.raises(MigrationNotFound, match="0010_x and 4 more"):
        store.find("attic", "")


def test_finding_nothing_names_the_nearest(throwaway):
    throwaway.add(_0001_happy=source())
    with pytest.raises(MigrationNotFound, match=r"Did you mean 0001_happy\?"):
        store.find("attic", "0001_hapy")


def test_finding_nothing_like_it_lists_what_there_is(throwaway):
    throwaway.add(_0001_happy=source())
    with pytest.raises(MigrationNotFound, match=r"It has: 0001_happy\."):
        store.find("attic", "7")


def test_finding_in_an_app_without_migrations_says_so(throwaway):
    throwaway.add()
    with pytest.raises(MigrationNotFound, match="'attic' has no mass migrations"):
        store.find("attic", "1")


def test_finding_in_an_unknown_app_names_the_nearest(throwaway):
    throwaway.add(_0001_happy=source())
    with pytest.raises(MigrationNotFound, match=r"no app with the label 'atic'\. Did you mean"):
        store.find("atic", "1")


def test_a_prefix_of_a_broken_migration_says_what_is_wrong(throwaway):
    throwaway.add(_0001_a="1 / 0\n")
    with pytest.raises(BrokenMigration, match="division by zero"):
        store.find("attic", "1")


def test_load_migration_makes_an_instance_as_in_older_releases(throwaway):
    throwaway.add(_0001_a=source(), _0002_b="1 / 0\n")
    config = apps.get_app_config("attic")
    assert load_migration(config, "0001_a").key == "attic:0001_a"
    with pytest.raises(BrokenMigration, match="division by zero"):
        load_migration(config, "0002_b")
    with pytest.raises(MigrationNotFound, match="attic:0003_c"):
        load_migration(config, "0003_c")
