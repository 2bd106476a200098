"""Whether the process of a worker is known to be gone."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from massmigration import identity


def test_worker_of_this_process_is_not_gone():
    assert not identity.is_gone(identity.new_owner())


def test_two_workers_of_one_process_have_two_names():
    assert identity.new_owner() != identity.new_owner()


def test_worker_of_a_process_that_ended_is_gone():
    program = "from massmigration import identity; print(identity.new_owner())"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert identity.is_gone(found.stdout.strip())


def test_worker_whose_process_number_went_to_another_process_is_gone():
    host, scope, pid, _, thread = identity.new_owner().split("/")

    assert identity.is_gone(f"{host}/{scope}/{pid}/1/{thread}")


@pytest.mark.parametrize(
    "owner", ["", "somebody", "another-host/scope/1/1/thread", "a/b/c/d/e", "a/b/c/d"]
)
def test_worker_elsewhere_is_never_known_to_be_gone(owner):
    assert not identity.is_gone(owner)


def test_worker_in_another_container_of_the_same_host_name_is_not_known_to_be_gone():
    host, scope, _, start, thread = identity.new_owner().split("/")

    assert not identity.is_gone("/".join([host, scope + "0", "999999", start, thread]))
    assert identity.is_gone(f"{host}/{scope}/9999999/{start}/{thread}")


def test_zombie_is_gone():
    program = "from massmigration import identity; print(identity.new_owner(), flush=True)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as it:
        owner = it.stdout.readline().strip()
        it.stdout.read()
        until = time.monotonic() + 60
        while not identity.is_gone(owner):  # it ended, but nobody waited for it yet
            assert time.monotonic() < until
            time.sleep(0.01)
