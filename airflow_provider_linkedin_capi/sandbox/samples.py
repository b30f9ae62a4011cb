"""What every fresh local LinkedIn has: one account, one member, one application, a few campaigns."""

from __future__ import annotations

ACCOUNT = 5_012_345
MEMBER = "urn:li:person:sandbox"
TOKEN = "sandbox-token"
REFRESH_TOKEN = "sandbox-refresh"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"

#: Id, name and status of each campaign.
CAMPAIGNS = (
    (345_396_001, "Spring leads", "ACTIVE"),
    (345_396_002, "Retargeting", "ACTIVE"),
    (345_396_003, "Autumn teaser", "PAUSED"),
    (345_396_004, "Next year", "DRAFT"),
    (345_396_005, "Last year", "COMPLETED"),
)
