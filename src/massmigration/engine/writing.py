"""Writing what operations set (`update_fields`): the rows of a batch that changed, in one go."""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import groupby
from operator import or_
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import transaction

from massmigration import capabilities, stored
from massmigration.definitions import MapperMigration
from massmigration.definitions.updating import fields_to_update, update_row
from massmigration.engine import ranges, rowkeys
from massmigration.engine.columns import MISSING, Column, Unprepared
from massmigration.engine.failing import RowFailed
from massmigration.engine.statements import Values, statement_for
from massmigration.exceptions import OperationError
from massmigration.texts import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from massmigration.definitions.ranged import RangedMigration
    from massmigration.engine.sources import Source

logger = logging.getLogger("massmigration")


class Writer:
    """Writes chosen fields of one model's rows on one database."""

    def __init__(self, model: type[Model], fields: Sequence[Field[Any, Any]], alias: str) -> None:
        """Prepare the statements.

        Args:
            model: the rows' model.
            fields: what is written, and nothing else.
            alias: the database.
        """
        self.model = model
        self.alias = alias
        self.fields = tuple(fields)
        self.columns = [Column(field, alias) for field in fields]
        names = {field.attname for field in fields}
        concrete = model._meta.concrete_fields
        self.others = [Column(field, alias) for field in concrete if field.attname not in names]
        self.keys = [Column(field, alias) for field in rowkeys.pk_fields(model)]
        self._database = capabilities.of(alias)
        self._statement = statement_for(model, fields, alias)
        self._is_usable = True

    def watch(self, rows: list[Any]) -> Watch:
        """Look at rows before operations change them."""
        return Watch(self, rows)

    def keys_of(self, rows: list[Any]) -> list[Any]:
        """Give `row.pk` of each row."""
        if len(self.keys) == 1:
            return self.keys[0].values(rows, loaded=True)
        return [row.pk for row in rows]

    def prepare_keys(self, pks: list[Any]) -> list[list[Any]]:
        """Give the columns of the primary key as the driver takes them."""
        columns = [pks] if len(self.keys) == 1 else list(map(list, zip(*pks, strict=True)))
        pairs = zip(self.keys, columns, strict=True)
        return [column.prepare(values)[0] for column, values in pairs]

    def write(self, changed: Changed) -> None:
        """Write rows, all of them in one go where the database can.

        Raises:
            RowFailed: naming the first row that cannot be written.
        """
        if not changed.rows:
            return
        if not changed.single:
            self._write_bulk(changed)
            return
        single = changed.single
        for is_single, places in groupby(range(len(changed.rows)), single.__contains__):
            write = self._write_each if is_single else self._write_bulk
            write(changed.only(list(places)))

    def _write_bulk(self, changed: Changed) -> None:
        """Write rows; where that fails, halve them until it is known which one is to blame.

        The last word has the UPDATE that `save()` sends. Where it writes what the fast statement
        did not, the fast one is not used again, so that no type of column is a reason to fail.
        """
        if not changed.rows:
            return
        if not self._is_usable:
            self._write_each(changed)
            return
        if len(changed.rows) > self._database.max_rows_written:
            self._write_halves(changed)
            return
        try:
            with transaction.atomic(using=self.alias):
                self._send(changed)
        except Exception as error:  # noqa: BLE001 - the driver's and the database's
            self._raise_if_passing(error)
            if len(changed.rows) == 1:
                self._write_each(changed)
                self._is_usable = False
                logger.info(
                    "Rows of %s are written one by one, because: %s", self.model._meta.label, error
                )
                return
        else:
            return
        self._write_halves(changed)

    def _write_halves(self, changed: Changed) -> None:
        half = len(changed.rows) // 2
        self._write_bulk(changed.only(range(half)))
        self._write_bulk(changed.only(range(half, len(changed.rows))))

    def _send(self, changed: Changed) -> None:
        if self._statement is not None:
            self._statement.send(changed.values)
        elif self._database.bulk_update == "together":
            for row, pk in zip(changed.rows, changed.pks, strict=True):
                update_row(row, pk, self.fields, self.alias, prepared=True)
        elif self._database.bulk_update == "single" or not self._database.transactions:
            self._write_each(changed)
        else:
            names = [field.name for field in self.fields]
            ranges.table(self.model, self.alias).bulk_update(changed.rows, names)

    def _write_each(self, changed: Changed) -> None:
        for row, pk, place in zip(changed.rows, changed.pks, changed.places, strict=True):
            try:
                with transaction.atomic(using=self.alias):
                    update_row(row, pk, self.fields, self.alias, prepared=True)
            except Exception as error:
                self._raise_if_passing(error)
                raise RowFailed(
                    rowkeys.encode(self.model, pk), place, earlier_written=True
                ) from error

    def _raise_if_passing(self, error: Exception) -> None:
        """Let through what is no row's fault: the batch is tried again."""
        database = self._database
        if isinstance(error, RowFailed) or (
            database.is_retryable(error) or database.is_connection_lost(error)
        ):
            raise error


def writer_of(migration: RangedMigration, source: Source) -> Writer | None:
    """Make the writer of a migration's `update_fields`; None where its operation writes.

    Raises:
        RefusedFields: naming what cannot be written, and why.
    """
    if not isinstance(migration, MapperMigration):
        return None
    fields = fields_to_update(migration, source.model)
    return Writer(source.model, fields, source.alias) if fields else None


class Changed:
    """Rows that are to be written."""

    def __init__(
        self,
        rows: list[Any],
        pks: list[Any],
        places: Sequence[int],
        values: Values,
        single: frozenset[int] = frozenset(),
    ) -> None:
        """Take lists of equal length.

        Args:
            rows: the objects.
            pks: their keys in the database.
            places: how many rows of the batch come before each.
            values: what is to be written.
            single: the places, in these lists, of rows with SQL expressions.
        """
        self.rows = rows
        self.pks = pks
        self.places = places
        self.values = values
        self.single = single

    def only(self, chosen: Sequence[int]) -> Changed:
        """Give some of them."""

        def pick(values: Sequence[Any]) -> list[Any]:
            return [values[place] for place in chosen]

        values = Values(
            [pick(each) for each in self.values.keys], [pick(each) for each in self.values.columns]
        )
        return Changed(pick(self.rows), pick(self.pks), pick(self.places), values)


class Watch:
    """The rows of one batch as they were read."""

    def __init__(self, writer: Writer, rows: list[Any]) -> None:
        """Remember what is in them."""
        self._writer = writer
        self._rows = rows
        self._pks = writer.keys_of(rows)
        first = rows[0] if rows else None
        self._columns = [
            (column, first is not None and column.is_loaded(first)) for column in writer.columns
        ]
        self._others = [
            column for column in writer.others if first is not None and column.is_loaded(first)
        ]
        self._before = [
            column.freeze(column.values(rows, loaded=loaded)) for column, loaded in self._columns
        ]
        keys = {column.attname: column for column in writer.keys}
        alone = next(iter(keys)) if len(keys) == 1 else None
        self._before_others = [
            # The list of keys is one of them, and each walk over the rows takes its time.
            self._pks if column.attname == alone else column.values(rows, loaded=True)
            for column in self._others
        ]

    def write(self, count: int | None = None) -> None:
        """Write the first rows, or all, as far as operations changed them.

        Raises:
            RowFailed: naming the first row that cannot be written, or of which something else
                was set.
        """
        if count is not None:
            self._cut(count)
        if not self._rows:
            return
        self._refuse_others()
        after, places = self._find_changed()
        if not places:
            return
        writer, rows = self._writer, self._rows
        if len(places) < len(rows):
            rows = [rows[i] for i in places]
        columns: list[list[Any]] = []
        single: set[int] = set()
        for (column, loaded), values in zip(self._columns, after, strict=True):
            if column.is_stamp:
                chosen = [column.field.pre_save(row, add=False) for row in rows]
            else:
                chosen = values if len(rows) == len(values) else [values[i] for i in places]
            if not loaded and any(value is MISSING for value in chosen):
                # Deferred and not set, in a row of which something else was: as save() does.
                chosen = [getattr(row, column.attname) for row in rows]
            prepared, expressions = self._prepared(column, chosen, places)
            columns.append(prepared)
            single.update(expressions)
        pks = self._pks if len(rows) == len(self._pks) else [self._pks[i] for i in places]
        sent = Values(writer.prepare_keys(pks), columns)
        writer.write(Changed(rows, pks, places, sent, frozenset(single)))

    def key_at(self, place: int) -> str:
        """Give the key, as text, that the row at this place was read with."""
        return rowkeys.encode(self._writer.model, self._pks[place])

    def _find_changed(self) -> tuple[list[list[Any]], Sequence[int]]:
        """Give each column's values now, and the places of the rows that changed."""
        after: list[list[Any]] = []
        changed: list[bool] = []
        for (column, loaded), before in zip(self._columns, self._before, strict=True):
            values = (
                self._pre_save(column)
                if column.prepares_itself
                else column.values(self._rows, loaded=loaded)
            )
            after.append(values)
            if not column.is_stamp:
                flags = column.changes(before, values)
                changed = list(map(or_, changed, flags)) if changed else flags
        if not changed:  # nothing but time stamps is named, so every row is to get them
            return after, range(len(self._rows))
        if all(changed):
            return after, range(len(changed))
        return after, [i for i, flag in enumerate(changed) if flag]

    def _cut(self, count: int) -> None:
        self._rows = self._rows[:count]
        self._pks = self._pks[:count]
        self._before = [values[:count] for values in self._before]
        self._before_others = [values[:count] for values in self._before_others]

    def _pre_save(self, column: Column) -> list[Any]:
        try:
            return column.pre_save(self._rows)
        except Unprepared as error:
            self._fail(error.place, error.__cause__)

    def _prepared(
        self, column: Column, values: list[Any], places: Sequence[int]
    ) -> tuple[list[Any], list[int]]:
        try:
            return column.prepare(values)
        except Unprepared as error:
            self._fail(places[error.place], error.__cause__)

    def _refuse_others(self) -> None:
        """Refuse what would be lost: a field was set that is not to be written."""
        after = [column.values(self._rows, loaded=True) for column in self._others]
        with suppress(Exception):  # from objects that do not compare; then one by one
            if after == self._before_others:
                return
        found = [
            (place, column.field.name)
            for column, old, new in zip(self._others, self._before_others, after, strict=True)
            for place, pair in enumerate(zip(old, new, strict=True))
            if column.differs(*pair)
        ]
        if found:
            self._refuse(*min(found))

    def _refuse(self, place: int, name: str) -> NoReturn:
        text = Text(stored.SETS_OTHERS, name=repr(name))
        self._fail(place, OperationError(text))

    def _fail(self, place: int, cause: BaseException | None) -> NoReturn:
        raise RowFailed(self.key_at(place), place) from cause
