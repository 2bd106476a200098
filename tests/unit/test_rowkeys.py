from __future__ import annotations

import datetime as dt

import pytest
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from massmigration.engine import rowkeys


class Meta:
    def __init__(self, *fields):
        self.pk = fields[0]
        if len(fields) > 1:
            self.pk_fields = list(fields)


def model_of(*fields):
    """Give what rowkeys looks at of a model: the fields of its primary key."""
    return type("Model", (), {"_meta": Meta(*fields)})


INTEGER = models.BigIntegerField()
TEXT = models.CharField(max_length=100)

KINDS = {
    "integer": (INTEGER, st.integers(-(2**63), 2**63 - 1)),
    "text": (TEXT, st.text(st.characters(exclude_categories=["Cs"]))),
    "uuid": (models.UUIDField(), st.uuids()),
    "decimal": (
        models.DecimalField(max_digits=20, decimal_places=6),
        st.decimals(
            allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9
        ),
    ),
    "datetime": (
        models.DateTimeField(),
        st.datetimes(
            timezones=st.sampled_from([dt.timezone.utc, dt.timezone(dt.timedelta(hours=9))])
        ),
    ),
    "date": (models.DateField(), st.dates()),
    "time": (models.TimeField(), st.times()),
    "duration": (models.DurationField(), st.timedeltas()),
    "bytes": (models.BinaryField(), st.binary()),
    "float": (models.FloatField(), st.floats(allow_nan=False, allow_infinity=False)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_key_is_read_back_as_it_was(kind):
    field, strategy = KINDS[kind]
    model = model_of(field)

    @given(value=strategy)
    def check(value):
        text = rowkeys.encode(model, value)
        assert text
        assert rowkeys.decode(text) == value
        assert type(rowkeys.decode(text)) is type(value)

    check()


@given(value=st.tuples(KINDS["integer"][1], KINDS["text"][1], KINDS["uuid"][1]))
def test_composite_key_is_read_back_as_a_tuple(value):
    model = model_of(INTEGER, TEXT, models.UUIDField())

    assert rowkeys.decode(rowkeys.encode(model, value)) == value


def test_no_key_is_no_text():
    assert rowkeys.decode("") is None
    assert rowkeys.show("") == ""


def test_empty_text_is_a_key():
    assert rowkeys.decode(rowkeys.encode(model_of(TEXT), "")) == ""


def test_key_of_a_type_that_cannot_be_kept_is_refused_with_its_value():
    with pytest.raises(TypeError, match=r"complex.*cannot be kept as a cursor"):
        rowkeys.encode(model_of(models.Field()), 1j)


@pytest.mark.parametrize(
    ("text", "shown"), [("5", "5"), ('"a b"', "a b"), ("[1, 2]", "1, 2"), ("0", "0")]
)
def test_key_is_shown_as_people_write_it(text, shown):
    assert rowkeys.show(text) == shown
