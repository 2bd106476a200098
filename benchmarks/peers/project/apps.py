from __future__ import annotations

from django.apps import AppConfig


class PeerConfig(AppConfig):
    name = "benchmarks.peers.project"
    label = "bench"
