"""The Cloud Tasks emulator on 127.0.0.1: `python emulator.py PORT TARGET_PORT QUEUE…`.

Run by the Python of .venv-server-cloud-tasks. As the real queues do, and unlike the emulator's own
command, it sends several tasks of a queue at a time, and outlives a purge while it sends.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from concurrent import futures

import grpc
from gcloud_tasks_emulator import server
from google.api_core.exceptions import NotFound
from google.cloud.tasks_v2 import Queue

HOST = "127.0.0.1"
AT_A_TIME = 4
RETRY_SECONDS = 0.1


class Parallel(server.Processor):
    """Sends tasks of each queue from threads, each task from one at a time."""

    def _process_queue(self, queue):
        in_flight = set()
        lock = threading.Lock()

        def send(name):
            attempts = None
            with contextlib.suppress(NotFound):  # purged meanwhile
                attempts = self._state.submit_task(name).dispatch_count
            if attempts and any(task.name == name for task in self._tasks(queue)):
                time.sleep(RETRY_SECONDS)
            with lock:
                in_flight.discard(name)

        with futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            while self._is_running.is_set() and queue in self._state.queue_names():
                for task in self._tasks(queue) if self._is_open(queue) else []:
                    with lock:
                        is_free = task.name not in in_flight and len(in_flight) < AT_A_TIME
                        if is_free and not _is_early(task):
                            in_flight.add(task.name)
                            pool.submit(send, task.name)
                time.sleep(0.01)

    def _tasks(self, queue):
        return list(self._state._queue_tasks.get(queue, []))

    def _is_open(self, queue):
        return self._state.queue(queue).state == Queue.State.RUNNING


def _is_early(task):
    due = task.schedule_time
    return bool(due) and due.timestamp() > time.time()


def main(port, target_port, *queues):
    parent = "projects/massmigration-test/locations/here"
    names = [f"{parent}/queues/{queue}" for queue in queues]
    made = server.create_server(HOST, port, HOST, int(target_port), names)
    service = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_CloudTasksServicer_to_server(server.Greeter(made._state), service)
    service.add_insecure_port(f"{HOST}:{port}")
    service.start()
    Parallel(made._state).start()
    service.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
