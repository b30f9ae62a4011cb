"""``/admin``: a look inside and the levers, as JSON; and the page at ``/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.sandbox import answers

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import Raw
    from airflow_provider_linkedin_capi.sandbox.world import World


def answer(world: World, raw: Raw) -> Answer:
    """Answer a request outside LinkedIn's own paths."""
    if raw.method == "GET" and raw.path == "/admin/state":
        return answers.as_json(
            200,
            {
                "events": world.event_count(),
                "distinct_events": world.distinct_events(),
                "duplicates": world.duplicates(),
                "rules": list(world.rules.values()),
            },
        )
    raise answers.gateway(404, "RESOURCE_NOT_FOUND", "No virtual resource found")
