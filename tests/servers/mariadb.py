"""MariaDB."""

from __future__ import annotations

import signal

from tests.servers.network import HOST, exchange, free_port
from tests.servers.programs import find_program, run
from tests.servers.server import Server
from tests.servers.session import new_directory, register
from tests.servers.users import server_user


def start_mariadb(durable: bool = False) -> Server:
    """Start a MariaDB: user `root`, no password, database `massmigration`, utf8mb4.

    Not durable means that only a crash of the machine, not of the server, loses what it committed.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    install = find_program("mariadb-install-db", "mariadb-server")
    mariadbd = find_program("mariadbd", "mariadb-server")
    user = server_user("mysql", "mariadb-server")
    directory, data = new_directory("mariadb", user)
    words = [install, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
    words += ["--auth-root-authentication-method=normal"]
    words += [f"--user={user}"] if user else []
    run(words, directory, None)
    init_file = directory / "init.sql"
    init_file.write_text("CREATE DATABASE IF NOT EXISTS massmigration CHARACTER SET utf8mb4;\n")
    init_file.chmod(0o644)
    port = free_port()
    command = [
        mariadbd,
        "--no-defaults",
        f"--datadir={data}",
        f"--socket={data}/s.sock",
        f"--port={port}",
        f"--bind-address={HOST}",
        "--skip-name-resolve",
        f"--pid-file={data}/pid",
        "--character-set-server=utf8mb4",
        f"--init-file={init_file}",
    ]
    if not durable:
        command += ["--innodb-flush-log-at-trx-commit=2", "--skip-innodb-doublewrite"]
    server = Server(
        name="mariadb",
        host=HOST,
        port=port,
        directory=directory,
        command=command,
        user=user,
        is_ready=_mariadb_is_ready,
        signals={"fast": signal.SIGTERM, "immediate": signal.SIGKILL},
    )
    return register(server)


def _mariadb_is_ready(server: Server) -> bool:
    """It greets, with version 10 of its protocol, only when it takes connections."""
    return exchange(server, b"")[4:5] == b"\n"
