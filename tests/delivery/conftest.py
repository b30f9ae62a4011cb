from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.api import retry
from tests.support.deliveries import LinkedIn

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer


@pytest.fixture
def linkedin_rule(sandbox: SandboxServer) -> LinkedIn:
    """A fresh LinkedIn with one conversion rule of the right kind."""
    return LinkedIn(sandbox, sandbox.world.add_rule(type="PURCHASE"))


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
