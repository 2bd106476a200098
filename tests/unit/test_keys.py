from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massmigration.keys import MigrationKey, nearest_key

name = st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), min_size=1)


@given(app_label=name, migration=name)
def test_key_is_read_back_from_its_text_and_from_a_pair(app_label, migration):
    key = MigrationKey(app_label, migration)

    assert MigrationKey.parse(str(key)) == key
    assert MigrationKey.parse((app_label, migration)) == key
    assert MigrationKey.parse([app_label, migration]) == key
    assert MigrationKey.parse(key) is key


@pytest.mark.parametrize("word", ["", ":", "shop", "shop:", ":x", "a:b:c", (), ("a",), ("a", 1)])
def test_what_names_no_migration_is_refused_with_its_value(word):
    with pytest.raises(ValueError, match="does not name a migration") as caught:
        MigrationKey.parse(word)
    assert repr(word) in str(caught.value)


@pytest.mark.parametrize(
    ("migration", "number"), [("0001_a", 1), ("12345_b", 12345), ("a", -1), ("x_1", -1)]
)
def test_number_is_at_the_head_of_the_name(migration, number):
    assert MigrationKey("shop", migration).number == number


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("shop:0002_tidy", ["shop:0009_tidy"]),
        ("shop:0009_tidi", ["shop:0009_tidy"]),
        ("press:0009_tidy", ["shop:0009_tidy"]),
        ("shop:0009_t", ["shop:0009_tidy"]),
        ("shop:0009_", []),
        ("shop:tidy", ["shop:0009_tidy"]),
        ("press:0009_holes", []),  # only the number and the app are like those of others
        ("shop:0003_tidy_up", ["shop:0009_tidy"]),
    ],
)
def test_the_nearest_key_is_told_by_the_words_of_its_name(wanted, nearest):
    assert nearest_key(wanted, ["press:0003_photos", "press:0009_x", "shop:0009_tidy"]) == nearest
    assert nearest_key(wanted, []) == []
