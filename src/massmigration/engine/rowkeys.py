"""Row keys as text: how a primary key is kept in `cursor`, `start_key` and `end_key`.

JSON, with a tag for what JSON has no word for; a composite key is a list. "" is no key.
"""

from __future__ import annotations

import base64
import json
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from django.db.models import Field, Model


def pk_fields(model: type[Model]) -> list[Field[Any, Any]]:
    """Give the columns of the primary key, those of a composite one in their order."""
    pk = model._meta.pk
    assert pk is not None
    return list(getattr(model._meta, "pk_fields", None) or [pk])


def encode(model: type[Model], value: Any) -> str:
    """Turn a primary key, as `obj.pk` gives it, into text."""
    fields = pk_fields(model)
    if len(fields) == 1 and not isinstance(value, tuple):
        return json.dumps(_encode_one(fields[0], value), ensure_ascii=False)
    parts = [_encode_one(field, part) for field, part in zip(fields, value, strict=True)]
    return json.dumps(parts, ensure_ascii=False)


def decode(text: str) -> Any:
    """Turn text back into a value that a filter on the primary key takes; "" gives None."""
    if not text:
        return None
    value = json.loads(text)
    if isinstance(value, list):
        return tuple(_decode_one(part) for part in value)
    return _decode_one(value)


def show(text: str) -> str:
    """Give a key as people write it."""
    value = decode(text)
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _encode_one(field: Field[Any, Any], value: Any) -> Any:
    while getattr(field, "remote_field", None) is not None:
        field = field.target_field  # type: ignore[attr-defined]
    value = field.get_prep_value(value)
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    converters: dict[type, tuple[str, Any]] = {
        uuid.UUID: ("uuid", str),
        Decimal: ("decimal", str),
        datetime: ("datetime", datetime.isoformat),
        date: ("date", date.isoformat),
        time: ("time", time.isoformat),
        timedelta: ("microseconds", lambda span: span // timedelta(microseconds=1)),
        bytes: ("bytes", lambda raw: base64.b64encode(raw).decode("ascii")),
    }
    if type(value).__name__ == "ObjectId":  # MongoDB's own; its package need not be there
        return {"objectid": str(value)}
    tagged = converters.get(type(value))
    if tagged is not None:
        tag, convert = tagged
        return {tag: convert(value)}
    if isinstance(value, int | str | float):
        return value
    text = _("A primary key of type %(type)s (%(value)s) cannot be kept as a cursor.")
    raise TypeError(Text(text, type=type(value).__name__, value=repr(value)))


def _decode_one(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, raw),) = value.items()
    decoders: dict[str, Any] = {
        "uuid": uuid.UUID,
        "decimal": Decimal,
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "time": time.fromisoformat,
        "microseconds": lambda count: timedelta(microseconds=count),
        "bytes": base64.b64decode,
        "objectid": _object_id,
    }
    return decoders[tag](raw)


def _object_id(text: str) -> Any:
    from bson import ObjectId  # noqa: PLC0415 - comes with MongoDB's driver

    return ObjectId(text)
