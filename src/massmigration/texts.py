"""Sentences that are English wherever they are kept, and the reader's language on pages.

A sentence is marked for translators where it is written, with `noop`, which costs nothing.
Commands, loggers and the database have it in English, whatever language is active; pages ask for
`translated`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

if TYPE_CHECKING:
    from collections.abc import Iterable


def noop(message: str) -> str:
    """Give the sentence as it is; `makemessages` finds it where this is called `_`.

    Django's own asks for the settings, and a test's helpers are imported before there are any.
    """
    return message


_ = noop


class Text(str):
    """An English sentence that knows what it was made of, so that it can be translated.

    It is a `str` in every way: it can be compared, joined, stored and pickled. What comes of
    joining is plain text, though; see `joined`.
    """

    __slots__ = ("message", "params")

    message: str
    params: dict[str, object]

    def __new__(cls, message: str, **params: object) -> Text:  # noqa: PYI034 - no Self on Python 3.10
        """Make the sentence.

        Args:
            message: the English text; with params it has placeholders as `%(name)s`.
            **params: their values; those that are sentences themselves are translated too.
        """
        text = super().__new__(cls, message % params if params else message)
        text.message = message
        text.params = params
        return text


def joined(separator: str, parts: Iterable[str]) -> Text:
    """Join sentences, empty ones left out, into one that can still be translated."""
    named = {f"part{number}": part for number, part in enumerate(filter(None, parts))}
    return Text(separator.join(f"%({name})s" for name in named), **named)


def did_you_mean(names: Iterable[str]) -> list[Text]:
    """Ask, for at most one name; [] for none."""
    return [Text(_("Did you mean %(name)s?"), name=name) for name in names][:1]


def text_of(error: BaseException) -> str:
    """Give what an exception says, as it was given to it; "" where it says nothing."""
    said = error.args[0] if len(error.args) == 1 else None
    return said if isinstance(said, Text) else str(error)


def translated(text: str) -> str:
    """Give a sentence in the active language; what is no `Text` is given as it is."""
    if not isinstance(text, Text) or not text.message:
        return text
    message = gettext(text.message)
    if not text.params:
        return message
    params = {
        name: translated(value) if isinstance(value, str) else value
        for name, value in text.params.items()
    }
    return message % params
