from __future__ import annotations

import hashlib
import sys

from massmigration.loading import code_hash, store
from tests.unit.loading.conftest import source


def sha256(text):
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def test_the_hash_is_of_the_migrations_file(throwaway):
    throwaway.add(_0001_a=source(), _0002_b=source() + "# é\n")
    assert code_hash(store.get("attic:0001_a")) == sha256(source())
    assert code_hash(store.get("attic:0002_b")) == sha256(source() + "# é\n")


def test_the_hash_in_a_zip_is_the_same(throwaway):
    throwaway.write("attic", _0001_a=source())
    throwaway.zip("attic")
    throwaway.install("attic")
    assert code_hash(store.get("attic:0001_a")) == sha256(source())


def test_line_endings_do_not_count(throwaway):
    app = throwaway.write("attic")
    text = source().replace("\n", "\r\n").encode()
    (app / "massmigrations" / "0001_a.py").write_bytes(text)
    throwaway.install("attic")
    assert code_hash(store.get("attic:0001_a")) == sha256(source())


def test_the_hash_is_of_the_code_in_memory_not_of_a_file_replaced_since(throwaway):
    app = throwaway.add(_0001_a=source())
    migration = store.get("attic:0001_a")
    (app / "massmigrations" / "0001_a.py").write_text(source() + "# changed\n")
    assert code_hash(migration) == sha256(source())


def test_a_class_from_elsewhere_is_hashed_by_the_file_of_the_migration(throwaway):
    text = "from attic.shared import Migration\n"
    app = throwaway.write("attic", _0001_a=text)
    (app / "shared.py").write_text(source())
    throwaway.install("attic")
    assert code_hash(store.get("attic:0001_a")) == sha256(text)


def test_without_source_the_hash_is_empty(throwaway):
    throwaway.add(_0001_a=source() + "\n__loader__ = None\n")
    assert code_hash(store.get("attic:0001_a")) == ""


def test_without_a_module_the_hash_is_empty(throwaway):
    throwaway.add(_0001_a=source())
    migration = store.get("attic:0001_a")
    del sys.modules["attic.massmigrations.0001_a"]
    assert code_hash(migration) == ""
