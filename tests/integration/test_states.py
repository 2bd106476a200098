"""What is said of a run that nobody seems to work on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from massmigration import identity
from massmigration.engine import planning
from massmigration.engine.progress import progress_of
from massmigration.models import Shard
from massmigration.recorder import leases
from tests.integration.support import AddOne, make_items

HOLDER = """
import sys, time
import django
django.setup()
from django.db import transaction
from massmigration import identity
from massmigration.models import Shard
from massmigration.recorder import leases
alias, key = sys.argv[1:]
shard = leases.claim(alias, Shard.objects.using(alias).get(), identity.new_owner(), key)
Shard.objects.using(alias).update(lease_until=1)
with transaction.atomic(using=alias):
    leases.hold(alias, shard, key)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(alias, register):
    make_items(alias, 10)
    return planning.start(register(AddOne), alias, backend="test")


def test_a_run_that_nobody_took_up_is_stalled(alias, run):
    assert "no worker" in progress_of(alias, run).stalled


def test_a_run_with_a_live_worker_is_not_stalled(alias, run):
    (shard,) = leases.free_shards(alias, [run.id])
    leases.claim(alias, shard, identity.new_owner(), run.migration_key)

    progress = progress_of(alias, run)

    assert (progress.stalled, progress.held) == ("", "")
    assert progress.workers == (identity.describe(identity.new_owner()),)


def test_a_worker_elsewhere_that_gives_no_sign_of_life_is_named(alias, run):
    (shard,) = leases.free_shards(alias, [run.id])
    leases.begin(alias, run.id)
    leases.claim(alias, shard, "far-away/x/7/1/t", run.migration_key)
    Shard.objects.using(alias).update(lease_until=1)
    run.refresh_from_db()

    assert "process 7 on far-away gives no sign of life" in progress_of(alias, run).stalled


@pytest.mark.db("postgresql", "mariadb")
def test_a_frozen_session_is_named_with_the_command_that_ends_it(alias, run):
    program = [sys.executable, "-c", HOLDER, alias, run.migration_key]
    with subprocess.Popen(program, env=dict(os.environ), stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            holder.send_signal(signal.SIGSTOP)
            until = time.monotonic() + 60
            while time.monotonic() < until:
                held = progress_of(alias, run).held
                if "is frozen" in held:
                    break
                time.sleep(0.1)
        finally:
            holder.kill()

    shard = Shard.objects.using(alias).get()
    assert f"process {holder.pid} on" in held
    assert "is frozen" in held
    command = {"postgresql": "pg_terminate_backend", "mariadb": "KILL"}[alias]
    assert f"{command}" in held
    assert shard.session in held
