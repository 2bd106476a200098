"""Private throwaway servers for tests and benchmarks, on free ports of 127.0.0.1.

They live in one temporary directory and end with the process that started them: by `stop()`, at
the interpreter's exit, and, when it was killed, by a small watchdog that waits on a pipe from it.
Should the watchdog be killed as well, the next start removes what was left.

By hand: `python -m tests.servers postgresql mariadb` starts some and says where they are.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOST = "127.0.0.1"
PREFIX = "massmigration-servers-"
ROOT = Path(__file__).resolve().parents[1]
GOOGLE_PACKAGE = "google-cloud-cli-firestore-emulator"
START_TIMEOUT = 180.0
STOP_TIMEOUT = 90.0
Mode = Literal["fast", "immediate"]


class MissingServer(Exception):
    """A server is not installed on this machine."""


class ServerFailed(Exception):
    """A server is installed, and did not start or stop."""


@dataclass
class Server:
    """One running server. `name` is one of `STARTERS`."""

    name: str
    host: str
    port: int
    directory: Path
    command: list[str]
    user: str | None
    is_ready: Callable[[Server], bool]
    signals: dict[Mode, signal.Signals]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The id of the server's main process, None when it is stopped."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start on the same port and data directory, and wait until it takes connections."""
        if self.process:
            return
        # Once more for what a killed server's children may still hold: shared memory, the port.
        deadline = time.monotonic() + START_TIMEOUT
        while not self._start_once(deadline):
            if time.monotonic() > deadline:
                msg = f"{self.name} did not start within {START_TIMEOUT:.0f} s:\n{self.log_tail()}"
                raise ServerFailed(msg)
            time.sleep(0.2)

    def stop(self, mode: Mode = "fast") -> None:
        """End it and wait for the end; twice is harmless."""
        self._end(self.signals[mode])

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start; `immediate` leaves recovery to the start, as a crash does."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """SIGKILL the main process, as the out-of-memory killer would; `start()` brings it back."""
        self._end(signal.SIGKILL)

    def log_tail(self) -> str:
        """The end of what the server has written."""
        log = self.directory / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"

    def _start_once(self, deadline: float) -> bool:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory / "data",
                env=_environment(self.directory),
                start_new_session=True,  # Ctrl-C is for the tests, not for their servers
                **_identity(self.user),
            )
        _write_pid(self.directory / "pid", self.process.pid)
        while self.process.poll() is None:
            if self.is_ready(self):
                return True
            if time.monotonic() > deadline:
                self.kill()
                return False
            time.sleep(0.02)
        self.process = None
        return False

    def _end(self, number: signal.Signals) -> None:
        if not self.process:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            msg = f"{self.name} did not stop within {STOP_TIMEOUT:.0f} s:\n{self.log_tail()}"
            raise ServerFailed(msg) from None
        finally:
            self.process = None
            (self.directory / "pid").unlink(missing_ok=True)


def start_postgresql(durable: bool = False) -> Server:
    """Start a PostgreSQL: user and database `postgres`, no password.

    Not durable means that only a crash of the machine, not of the server, loses what it committed.
    Its default collation is ICU's, which does not order text as Python does.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    initdb = _program("initdb", "postgresql")
    postgres = _program("postgres", "postgresql", beside=initdb)
    user = _server_user("postgres", "postgresql")
    directory, data = _new_directory("postgresql", user)
    locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=und"]
    options = ["-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
    if not _run([initdb, *options, *locale], directory, user, check=False):
        shutil.rmtree(data, ignore_errors=True)  # before 15, or built without ICU
        _make_directory(data, user)
        _run([initdb, *options, "--locale=C"], directory, user)
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
    return _register(server)


def start_mariadb(durable: bool = False) -> Server:
    """Start a MariaDB: user `root`, no password, database `massmigration`, utf8mb4.

    Not durable means that only a crash of the machine, not of the server, loses what it committed.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    install = _program("mariadb-install-db", "mariadb-server")
    mariadbd = _program("mariadbd", "mariadb-server")
    user = _server_user("mysql", "mariadb-server")
    directory, data = _new_directory("mariadb", user)
    words = [install, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
    words += ["--auth-root-authentication-method=normal"]
    words += [f"--user={user}"] if user else []
    _run(words, directory, None)
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
    return _register(server)


def start_pgbouncer(ini: str) -> Server:
    """Start a pgbouncer with these settings; those of its address and its log are added.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    program = _program("pgbouncer", "pgbouncer")
    user = _server_user("postgres", "postgresql")
    directory, data = _new_directory("pgbouncer", user)
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
        is_ready=_takes_connections,
        signals={"fast": signal.SIGINT, "immediate": signal.SIGQUIT},
    )
    return _register(server)


def start_redis(durable: bool = False) -> Server:
    """Start a Redis; durable writes an append-only file with a sync each second.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    redis = _program("redis-server", "redis-server")
    directory, data = _new_directory("redis", None)
    port = free_port()
    command = [redis, "--bind", HOST, "--port", str(port), "--dir", str(data), "--save", ""]
    command += ["--appendonly", "yes" if durable else "no"]
    server = Server(
        name="redis",
        host=HOST,
        port=port,
        directory=directory,
        command=command,
        user=None,
        is_ready=_redis_is_ready,
        signals={"fast": signal.SIGTERM, "immediate": signal.SIGKILL},
    )
    return _register(server)


def start_mongo() -> Server:
    """Start a server of MongoDB's protocol (SecantusDB): no user, any database name, in memory.

    It lives in an environment of its own, made by `scripts/server_env.py mongo`.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    program = _own_program("mongo", "secantusd-py")
    directory, data = _new_directory("mongo", None)
    port = free_port()
    command = [program, "--host", HOST, "--port", str(port), "--storage-path", str(data / "db")]
    return _register(_plain_server("mongo", port, directory, command, _takes_connections))


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


def start_cloud_tasks(target_port: int, *queues: str) -> Server:
    """Start the Cloud Tasks emulator; it sends tasks to a web server on 127.0.0.1:`target_port`.

    It forgets all tasks when it ends. It lives in an environment of its own, made by
    `scripts/server_env.py cloud-tasks`.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    python = _own_program("cloud-tasks", "python")
    directory, _ = _new_directory("cloud-tasks", None)
    port = free_port()
    program = str(ROOT / "tests" / "djangae" / "emulator.py")
    command = [python, "-W", "ignore", program, str(port), str(target_port), *queues]
    return _register(_plain_server("cloud-tasks", port, directory, command, _takes_connections))


def _start_google(name: str, options: list[str]) -> Server:
    java = _program("java", "openjdk-17-jre-headless")
    jar = _emulator_jar()
    directory, _ = _new_directory(name, None)
    port = free_port()
    # Its own script forks this, and a signal to the script leaves it behind.
    command = [java, "-Duser.language=en", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", jar]
    command += ["com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start"]
    command += [f"--host={HOST}", f"--port={port}", *options]
    return _register(_plain_server(name, port, directory, command, _google_is_ready))


def _plain_server(
    name: str, port: int, directory: Path, command: list[str], is_ready: Callable[[Server], bool]
) -> Server:
    signals: dict[Mode, signal.Signals] = {"fast": signal.SIGTERM, "immediate": signal.SIGKILL}
    return Server(
        name=name,
        host=HOST,
        port=port,
        directory=directory,
        command=command,
        user=None,
        is_ready=is_ready,
        signals=signals,
    )


STARTERS: dict[str, Callable[[], Server]] = {
    "postgresql": start_postgresql,
    "mariadb": start_mariadb,
    "redis": start_redis,
    "mongo": start_mongo,
    "datastore": start_datastore,
    "firestore": start_firestore,
}


VARIABLES = {"postgresql": "MM_TEST_PG_PORT"} | {
    name: f"MM_TEST_{name.upper()}_PORT" for name in STARTERS if name != "postgresql"
}
"""Which variable of the environment tells the projects of the tests where a server is."""


def start_all(names: Iterable[str]) -> dict[str, Server | MissingServer]:
    """Start servers side by side; for one that is not installed, its MissingServer."""

    def start(name: str) -> Server | MissingServer:
        try:
            return STARTERS[name]()
        except MissingServer as missing:
            return missing

    names = list(names)
    with ThreadPoolExecutor(max_workers=max(len(names), 1)) as pool:
        return dict(zip(names, pool.map(start, names), strict=True))


def running(name: str) -> Server:
    """Give the server of this name that this process has started first."""
    return next(server for server in _session.servers if server.name == name)


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


# --- this process's directory, and its end ------------------------------------------------------


class _Session:
    """The directory and the servers of this process, made at the first start."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.directory: Path | None = None
        self.owner = 0
        self.watchdog: subprocess.Popen[bytes] | None = None
        self.servers: list[Server] = []

    def open(self) -> Path:
        with self.lock:
            if self.directory and self.owner == os.getpid():
                return self.directory
            remove_stale()
            self.servers, self.owner = [], os.getpid()
            self.directory = Path(tempfile.mkdtemp(prefix=PREFIX))
            self.directory.chmod(0o711)  # the servers' users have to pass through
            _write_pid(self.directory / "owner", self.owner)
            self.watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, "--watch", str(self.directory)],
                stdin=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
            atexit.register(stop_all)
            return self.directory

    def close(self) -> None:
        if self.owner != os.getpid() or not self.directory:  # a fork leaves its parent's alone
            return
        for server in self.servers:
            with contextlib.suppress(ServerFailed):
                server.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.watchdog and self.watchdog.stdin:
            self.watchdog.stdin.close()
            self.watchdog.wait(STOP_TIMEOUT)
        self.directory, self.watchdog, self.servers = None, None, []


_session = _Session()


def session_directory() -> Path:
    """A temporary directory that goes away together with the servers of this process."""
    return _session.open()


def stop_all() -> None:
    """Stop every server that this process started and remove their directory."""
    _session.close()


def remove_stale() -> None:
    """End servers whose owner is gone and remove their directories."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            owner = directory / "owner"
            new = time.time() - directory.stat().st_mtime < START_TIMEOUT
            if directory.stat().st_uid != os.getuid() or (new and not owner.exists()):
                continue
            if not (owner.exists() and _read_live_pid(owner)):
                _sweep(directory)


def _watch(directory: Path) -> None:
    """Wait until the process that started us closes its pipe or is gone, then clean up after it."""
    parent = os.getppid()
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin], [], [], 1.0)
        if readable and not os.read(sys.stdin.fileno(), 1):
            break
    _sweep(directory)


def _sweep(directory: Path) -> None:
    for path in directory.glob("*/pid"):
        pid = _read_live_pid(path)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                # PostgreSQL's own children end at once with SIGQUIT; others know no such difference
                os.kill(pid, signal.SIGQUIT if "postgresql" in path.parent.name else signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


def _register(server: Server) -> Server:
    server.start()
    with _session.lock:
        _session.servers.append(server)
    return server


def _write_pid(path: Path, pid: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(f"{pid} {_start_time(pid)}\n")
    new.replace(path)  # whole at once: an empty one is that of a process that is gone


def _read_live_pid(path: Path) -> int | None:
    """The process in a pid file, if it is still that one and not a later one with its number."""
    try:
        pid, started = path.read_text().split(maxsplit=1)
    except (OSError, ValueError):
        return None
    return int(pid) if _start_time(int(pid)) == started.strip() != "" else None


def _start_time(pid: int) -> str:
    """When a process started, "" when it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[19]
    except OSError:
        if Path("/proc/self").exists():
            return ""
    ps = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()


# --- programs, users, directories ---------------------------------------------------------------


def _program(name: str, package: str, beside: str | None = None) -> str:
    places = [str(Path(beside).parent)] if beside else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versions, key=lambda path: _number(path.parent.name), reverse=True)
    places += [*map(str, newest_first), os.environ.get("PATH", os.defpath), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if not found:
        raise MissingServer(_sentence(name, package))
    return found


def _own_program(environment: str, name: str) -> str:
    """Find a program of a Python environment that `scripts/server_env.py` has made."""
    program = ROOT / f".venv-server-{environment}" / "bin" / name
    if not program.exists():
        msg = f"`{name}` was not found: run python3 scripts/server_env.py {environment}."
        raise MissingServer(msg)
    return str(program)


def _emulator_jar() -> str:
    places = [Path("/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk"]
    gcloud = shutil.which("gcloud")
    places += [Path(gcloud).resolve().parents[1]] if gcloud else []
    for place in places:
        folder = place / "platform" / "cloud-firestore-emulator"
        if (jar := folder / "cloud-firestore-emulator.jar").exists():
            return str(jar)
    raise MissingServer(_sentence("cloud-firestore-emulator", GOOGLE_PACKAGE))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _sentence(what: str, package: str) -> str:
    return (
        f"`{what}` was not found: install the Debian package {package} (apt-get install {package})."
    )


def _server_user(name: str, package: str) -> str | None:
    """Root has to become another user, which these servers insist on; others stay who they are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        raise MissingServer(_sentence(f"the user {name}", package)) from None


def _identity(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _environment(directory: Path) -> dict[str, str]:
    """A TMPDIR of its own: a starting MariaDB deletes every `#sql` file there, others' too."""
    return os.environ | {"TMPDIR": str(directory / "tmp")}


def _new_directory(name: str, user: str | None) -> tuple[Path, Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_session.open()))
    directory.chmod(0o711)
    data = directory / "data"
    _make_directory(data, user)
    _make_directory(directory / "tmp", user)
    return directory, data


def _make_directory(path: Path, user: str | None) -> None:
    path.mkdir(mode=0o700)
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def _run(command: list[str], directory: Path, user: str | None, *, check: bool = True) -> bool:
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=directory / "data",
        env=_environment(directory),
        check=False,
        **_identity(user),
    )
    if check and result.returncode:
        msg = f"{command[0]} failed with {result.returncode}:\n{result.stdout}{result.stderr}"
        raise ServerFailed(msg)
    return result.returncode == 0


# --- readiness ----------------------------------------------------------------------------------


def _postgresql_is_ready(server: Server) -> bool:
    """As pg_ctl asks: the lines of postmaster.pid are the process (1st) and its state (8th)."""
    try:
        lines = (server.directory / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready"


def _mariadb_is_ready(server: Server) -> bool:
    """It greets, with version 10 of its protocol, only when it takes connections."""
    return _exchange(server, b"")[4:5] == b"\n"


def _redis_is_ready(server: Server) -> bool:
    return _exchange(server, b"PING\r\n").startswith(b"+PONG")


def _google_is_ready(server: Server) -> bool:
    return b" 200 OK" in _exchange(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def _takes_connections(server: Server) -> bool:
    try:
        with socket.create_connection((server.host, server.port), timeout=2):
            return True
    except OSError:
        return False


def _exchange(server: Server, request: bytes) -> bytes:
    try:
        with socket.create_connection((server.host, server.port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(1024)
    except OSError:
        return b""


# --- by hand ------------------------------------------------------------------------------------


def main(words: list[str]) -> None:
    """Start the named servers, say where they are, wait for the end of input or Ctrl-C."""
    if words[:1] == ["--watch"]:
        _watch(Path(words[1]))
        return
    for name, server in start_all(words or ["postgresql", "mariadb"]).items():
        if isinstance(server, MissingServer):
            print(f"# {name}: {server}")
        else:
            print(f"export {VARIABLES[name]}={server.port}", flush=True)
    print("# Ctrl-C ends them.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
