"""What every fresh local LinkedIn has: one account, one member, one application, a few campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.sandbox.entities import DAY_SECONDS

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World

ACCOUNT = 5_012_345
MEMBER = "urn:li:person:sandbox"
TOKEN = "sandbox-token"
REFRESH_TOKEN = "sandbox-refresh"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"


def furnish(world: World) -> None:
    """Add the sample account with its member, tokens and campaigns."""
    world.add_client(CLIENT_ID, CLIENT_SECRET)
    world.add_account(ACCOUNT)
    world.add_token(TOKEN)
    world.add_token(REFRESH_TOKEN, lifetime_seconds=365 * DAY_SECONDS, refresh=True)
    for campaign, name, status in (
        (345_396_001, "Spring leads", "ACTIVE"),
        (345_396_002, "Retargeting", "ACTIVE"),
        (345_396_003, "Autumn teaser", "PAUSED"),
        (345_396_004, "Next year", "DRAFT"),
        (345_396_005, "Last year", "COMPLETED"),
    ):
        world.add_campaign(campaign, name=name, status=status)
