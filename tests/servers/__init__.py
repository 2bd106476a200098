"""Private throwaway servers for tests and benchmarks, on free ports of 127.0.0.1.

They live in one temporary directory and end with the process that started them: by `stop_all()`, at
the interpreter's exit, and, when it was killed, by a small watchdog that waits on a pipe from it.
Should the watchdog be killed as well, the next start removes what was left.

By hand: `python -m tests.servers postgresql mariadb` starts some and says where they are.
"""

from tests.servers.cloud_tasks import start_cloud_tasks
from tests.servers.exceptions import MissingServer, ServerFailed
from tests.servers.google import start_datastore, start_firestore
from tests.servers.mariadb import start_mariadb
from tests.servers.mongo import start_mongo
from tests.servers.network import HOST, free_port
from tests.servers.postgresql import start_pgbouncer, start_postgresql
from tests.servers.programs import ROOT
from tests.servers.redis import start_redis
from tests.servers.server import Mode, Server
from tests.servers.session import remove_stale, running, session_directory, stop_all
from tests.servers.starting import STARTERS, VARIABLES, start_all

__all__ = [
    "HOST",
    "ROOT",
    "STARTERS",
    "VARIABLES",
    "MissingServer",
    "Mode",
    "Server",
    "ServerFailed",
    "free_port",
    "remove_stale",
    "running",
    "session_directory",
    "start_all",
    "start_cloud_tasks",
    "start_datastore",
    "start_firestore",
    "start_mariadb",
    "start_mongo",
    "start_pgbouncer",
    "start_postgresql",
    "start_redis",
    "stop_all",
]
