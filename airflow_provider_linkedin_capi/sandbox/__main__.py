"""``python -m airflow_provider_linkedin_capi.sandbox``: the local LinkedIn as a process of its own."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path

from airflow_provider_linkedin_capi.sandbox import samples
from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
from airflow_provider_linkedin_capi.sandbox.settings import Settings
from airflow_provider_linkedin_capi.sandbox.world import World


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_linkedin_capi.sandbox",
        description="A local LinkedIn Marketing API: conversion rules, events, reports. Nothing leaves this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="port; 0 takes any free one (default: %(default)s)")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps the state over restarts (default: memory)")
    parser.add_argument(
        "--report-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="until an accepted event shows in reports (LinkedIn: up to 72 hours; default: at once)",
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="time that each answer takes (default: none)"
    )
    arguments = parser.parse_args()
    settings = Settings(latency_seconds=arguments.latency, report_delay_seconds=arguments.report_delay)
    try:
        world = World(arguments.state, settings, keep_bodies=False)
    except sqlite3.Error as error:
        parser.error(f"cannot keep the state in {arguments.state}: {error}")
    try:
        server = SandboxServer(arguments.port, host=arguments.host, world=world)
    except OSError as error:
        parser.error(f"cannot listen on {arguments.host}, port {arguments.port}: {error}")
    print(
        f"Local LinkedIn ready at {server.url} with ad account {samples.ACCOUNT}, access token {samples.TOKEN},"
        f" client {samples.CLIENT_ID} / {samples.CLIENT_SECRET}, refresh token {samples.REFRESH_TOKEN}",
        flush=True,
    )
    server.serve()


if __name__ == "__main__":
    main()
