"""PostgreSQL, and pgbouncer before it."""

from __future__ import annotations

import shutil
import signal

from tests.servers.network import HOST, free_port, takes_connections
from tests.servers.programs import find_program, run
from tests.servers.server import Server
from tests.servers.session import new_directory, register
from tests.servers.users import make_directory, server_user


def start_postgresql(durable: bool = False) -> Server:
    """Start a PostgreSQL: user and database `postgres`, no password.

    Not durable means that only a crash of the machine, not of the server, loses what it committed.
    Its default collation is ICU's, which does not order text as Python does.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    initdb = find_program("initdb", "postgresql")
    postgres = find_program("postgres", "postgresql", beside=initdb)
    user = server_user("postgres", "postgresql")
    directory, data = new_directory("postgresql", user)
    locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=und"]
    options = ["-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
    if not run([initdb, *options, *locale], directory, user, check=False):
        shutil.rmtree(data, ignore_errors=True)  # before 15, or built without ICU
        make_directory(data, user)
        run([initdb, *options, "--locale=C"], directory, user)
    settings = {"unix_socket_directories": str(data), "listen_addresses": HOST}
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    port = free_port()
    command = [postgres, "-D", str(data), "-p", str(port)]
    command += [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    server = Server(
        name="postgresql",
        host=HOST,
        port=port,
        directory=directory,
        command=command,
        user=user,
        is_ready=_postgresql_is_ready,
        signals={"fast": signal.SIGINT, "immediate": signal.SIGQUIT},
    )
    return register(server)


def start_pgbouncer(ini: str) -> Server:
    """Start a pgbouncer with these settings; those of its address and its log are added.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    program = find_program("pgbouncer", "pgbouncer")
    user = server_user("postgres", "postgresql")
    directory, data = new_directory("pgbouncer", user)
    port = free_port()
    own = f"listen_addr = {HOST}\nlisten_port = {port}\nunix_socket_dir =\nadmin_users = postgres\n"
    path = data / "pgbouncer.ini"
    path.write_text(f"{ini}\n{own}")
    path.chmod(0o644)
    server = Server(
        name="pgbouncer",
        host=HOST,
        port=port,
        directory=directory,
        command=[program, str(path)],
        user=user,
        is_ready=takes_connections,
        signals={"fast": signal.SIGINT, "immediate": signal.SIGQUIT},
    )
    return register(server)


def _postgresql_is_ready(server: Server) -> bool:
    """As pg_ctl asks: the lines of postmaster.pid are the process (1st) and its state (8th)."""
    try:
        lines = (server.directory / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready"
