"""What an action says: lines for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand, OutputWrapper

TEXT = "text"
JSON = "json"
FORMATS = (TEXT, JSON)


class Output:
    """Where an action writes."""

    def __init__(self, command: BaseCommand, *, form: str, verbosity: int) -> None:
        """Write to the command's streams in this form, as much as the verbosity asks for."""
        self.stdout = command.stdout
        self.stderr = command.stderr
        self.style = command.style
        self.is_json = form == JSON
        self.verbosity = verbosity

    @property
    def is_terminal(self) -> bool:
        """Whether somebody watches, so that a line can be drawn again."""
        return not self.is_json and self.verbosity > 0 and bool(self.stdout.isatty())

    def event(self, kind: str, text: str, **data: Any) -> None:
        """Tell that something happened.

        Args:
            kind: what, in one word, for machines.
            text: the same for people.
            data: the facts, for machines.
        """
        if self.is_json:
            now = datetime.now(tz=timezone.utc).isoformat(timespec="seconds")
            self._write(json.dumps({"event": kind, "at": now, **data, "text": text}))
        elif self.verbosity > 0:
            self._write(text)

    def line(self, text: str = "") -> None:
        """Write a line for people; machines do not see it."""
        if not self.is_json and self.verbosity > 0:
            self._write(text)

    def document(self, content: Any) -> None:
        """Write one JSON document, whatever the verbosity."""
        self._write(json.dumps(content, indent=2))

    def trouble(self, text: str) -> None:
        """Write to stderr what somebody should look at, whatever the form."""
        try:
            self.stderr.write(text)
            self.stderr.flush()
        except BrokenPipeError:
            _write_to_nobody(self.stderr)

    def draw(self, text: str) -> None:
        """Write without ending the line."""
        self._write(text, ending="")

    def _write(self, text: str, ending: str | None = None) -> None:
        try:
            self.stdout.write(writable(self.stdout, text), ending=ending)
            self.stdout.flush()
        except BrokenPipeError:
            _write_to_nobody(self.stdout)


def writable(stream: OutputWrapper, text: str) -> str:
    """Give the text with what the stream's encoding does not have escaped, as on stderr.

    A key or an error of the project may have any character, and is no reason to stop.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _write_to_nobody(stream: OutputWrapper) -> None:
    """Let nothing come of what is written from now on, as whoever read it (`| head`) has gone.

    The work goes on: that nobody watches is no reason to stop it.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
