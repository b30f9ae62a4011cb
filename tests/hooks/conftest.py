from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.connecting import Connect


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that was logged so far; Airflow's task loggers write to the console, past pytest's own capture."""
    caplog.set_level("DEBUG")

    def read() -> str:
        captured = capfd.readouterr()
        return captured.out + captured.err + caplog.text

    return read


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the hook would have slept; it does not."""
    slept: list[float] = []
    monkeypatch.setattr("airflow_provider_linkedin_capi.hooks.linkedin_conversions.time.sleep", slept.append)
    return slept


@pytest.fixture
def app_connection(sandbox: SandboxServer, connect: Connect) -> Callable[..., str]:
    """``app_connection(password=..., **extra)``: a connection with a client and a refresh token, and its id."""

    def define(password: str = "sandbox-secret", **extra: str) -> str:
        return connect(
            "linkedin_capi_default",
            conn_type="linkedin_capi",
            host=sandbox.url,
            login="sandbox-client",
            password=password,
            extra={
                "refresh_token": "sandbox-refresh",
                "ad_account_id": "5012345",
                "oauth_base_url": f"{sandbox.url}/oauth/v2",
                **extra,
            },
        )

    return define


@pytest.fixture
def refreshable(app_connection: Callable[..., str]) -> str:
    """A connection whose access token LinkedIn does not know, but that can request another one."""
    return app_connection(access_token="stale-token")
