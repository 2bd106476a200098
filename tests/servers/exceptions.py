"""What goes wrong with servers."""

from __future__ import annotations


class MissingServer(Exception):
    """A server is not installed on this machine."""


class ServerFailed(Exception):
    """A server is installed, and did not start or stop."""


def not_found(what: str, package: str) -> MissingServer:
    """Make the error that names what is not there, and the package that has it."""
    return MissingServer(
        f"`{what}` was not found: install the Debian package {package} (apt-get install {package})."
    )
