"""Google's emulators of Datastore and Firestore."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers.exceptions import not_found
from tests.servers.network import HOST, exchange, free_port
from tests.servers.programs import find_program
from tests.servers.server import Server, plain_server
from tests.servers.session import new_directory, register

GOOGLE_PACKAGE = "google-cloud-cli-firestore-emulator"


def start_datastore() -> Server:
    """Start Google's Datastore emulator (Firestore in Datastore mode); nothing is kept on disk.

    Raises:
        MissingServer: Java or the emulator is not installed.
        ServerFailed: it did not start.
    """
    return _start_google("datastore", ["--database-mode=datastore-mode"])


def start_firestore() -> Server:
    """Start Google's Firestore emulator; nothing is kept on disk.

    Raises:
        MissingServer: Java or the emulator is not installed.
        ServerFailed: it did not start.
    """
    return _start_google("firestore", [])


def _start_google(name: str, options: list[str]) -> Server:
    java = find_program("java", "openjdk-17-jre-headless")
    jar = _emulator_jar()
    directory, _ = new_directory(name, None)
    port = free_port()
    # Its own script forks this, and a signal to the script leaves it behind.
    command = [java, "-Duser.language=en", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", jar]
    command += ["com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start"]
    command += [f"--host={HOST}", f"--port={port}", *options]
    return register(plain_server(name, port, directory, command, _google_is_ready))


def _emulator_jar() -> str:
    places = [Path("/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk"]
    gcloud = shutil.which("gcloud")
    places += [Path(gcloud).resolve().parents[1]] if gcloud else []
    for place in places:
        folder = place / "platform" / "cloud-firestore-emulator"
        if (jar := folder / "cloud-firestore-emulator.jar").exists():
            return str(jar)
    raise not_found("cloud-firestore-emulator", GOOGLE_PACKAGE)


def _google_is_ready(server: Server) -> bool:
    return b" 200 OK" in exchange(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
