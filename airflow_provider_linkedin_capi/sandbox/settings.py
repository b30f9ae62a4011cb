"""The switches of the local LinkedIn, in one place; tests set them on the world, others under ``/admin``."""

from __future__ import annotations

from typing import Literal

import msgspec


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """How the server behaves where LinkedIn is configurable, slow or undecided.

    :param versions: API versions that are served.
    :param latency_seconds: time that each answer takes at least.
    :param max_body_bytes: a larger body gets 413.
    :param error_positions: how a refused batch names its elements: ``indices`` as seen live, ``batchIndex``
        as documented, or ``hidden`` (no position at all).
    :param batch_writes_answer_200: whether batch PUT and DELETE of campaign associations answer 200 with
        results instead of 204.
    :param requests_per_minute: per token and resource; a resource that is not named is not limited.
    :param requests_per_day: likewise, until midnight UTC.
    :param retry_after_seconds: sent with 429 when set; LinkedIn does not.
    :param access_token_seconds: lifetime of the access tokens handed out.
    :param report_delay_seconds: until an accepted event shows in reports.
    :param restated_share: part of the events that shows later still, so that reports grow.
    :param restated_after_seconds: how much later.
    :param matched_share: part of the events in which LinkedIn recognises a member who met an ad.
    :param click_share: part of the matched that clicked the ad; the others saw it.
    :param max_report_elements: a longer report is cut off silently.
    :param report_values_per_window: metric values (fields times rows) per five minutes.
    :param crm_accounts: accounts with a connected CRM, which have revenue reports.
    """

    versions: set[str] = msgspec.field(default_factory=lambda: {f"2026{month:02}" for month in range(1, 11)})
    latency_seconds: float = 0.0
    max_body_bytes: int = 2 * 1024 * 1024
    error_positions: Literal["indices", "batchIndex", "hidden"] = "indices"
    batch_writes_answer_200: bool = False
    requests_per_minute: dict[str, int] = msgspec.field(default_factory=lambda: {"conversionEvents": 600})
    requests_per_day: dict[str, int] = msgspec.field(default_factory=lambda: {"conversionEvents": 500_000})
    retry_after_seconds: int | None = None
    access_token_seconds: int = 60 * 86_400
    report_delay_seconds: float = 0.0
    restated_share: float = 0.0
    restated_after_seconds: float = 86_400.0
    matched_share: float = 0.6
    click_share: float = 0.4
    max_report_elements: int = 15_000
    report_values_per_window: int = 45_000_000
    crm_accounts: set[int] = set()
