"""The Cloud Tasks emulator on 127.0.0.1: `python emulator.py PORT TARGET_PORT QUEUE…`.

Run by the Python of .venv-server-cloud-tasks. As the real queues do, and unlike the emulator's own
command, it sends several tasks of a queue at a time, lists a task until it is done, and does not
send again what was purged meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
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


class Queues(server.QueueState):
    """A task stays in its queue while it is sent: who looks finds it, and a purge gets it."""

    def __init__(self, *words):
        super().__init__(*words)
        self._changing = threading.Lock()

    def submit_task(self, task_name, force_run=False):
        queue = task_name.rsplit("/", 2)[0]
        task = self._find(queue, task_name)
        if task is None:
            raise NotFound(task_name)
        task.dispatch_count += 1
        try:
            request = server._make_task_request
            request(queue, task, self._target_host, self._target_port).close()
            is_done = True
        except (OSError, http.client.HTTPException):  # refused, cut off, or answered by an error
            is_done = False
        with self._changing:
            waiting = self._queue_tasks[queue]
            if any(each is task for each in waiting):  # not purged
                self._queue_tasks[queue] = [each for each in waiting if each is not task]
                self._queue_tasks[queue] += [] if is_done else [task]
        return task

    def create_task(self, queue, task):
        with self._changing:
            return super().create_task(queue, task)

    def purge_queue(self, queue_name):
        with self._changing:
            return super().purge_queue(queue_name)

    def _find(self, queue, name):
        return next((task for task in list(self._queue_tasks[queue]) if task.name == name), None)


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
    state = Queues(HOST, int(target_port), -1)  # it sends again and again
    for name in names:
        state.create_queue(parent, Queue(name=name))
    service = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_CloudTasksServicer_to_server(server.Greeter(state), service)
    service.add_insecure_port(f"{HOST}:{port}")
    service.start()
    Parallel(state).start()
    service.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
