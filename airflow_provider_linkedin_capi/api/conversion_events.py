"""Conversion events: ``/conversionEvents``, write-only.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversions-api. Nothing
can be read back, tested or deleted, and no answer names the event: 201 means stored, not matched and not
attributed. A batch is all or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import batches, restli
from airflow_provider_linkedin_capi.api.restli import Resource

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.exceptions import LinkedInError

RESOURCE = Resource("conversionEvents", scope="rw_conversions")


def create(event_json: bytes, *, idempotent: bool) -> Call[None]:
    """Return the call that sends one event.

    :param event_json: the event, encoded.
    :param idempotent: whether it may be sent again after a lost answer; LinkedIn does not promise to drop the
        second one.
    """
    return restli.call(RESOURCE, "CREATE", parse=restli.nothing, body=event_json, idempotent=idempotent)


def batch_create(body: bytes, *, count: int, idempotent: bool) -> Call[dict[int, LinkedInError]]:
    """Return the call that sends up to 5,000 events; its result has the error of each event that was refused.

    LinkedIn documents that it takes all events or none, so the result is empty unless it changes its ways.

    :param body: ``{"elements": [...]}``, encoded. LinkedIn documents no largest size; it or a proxy may answer 413.
    :param count: how many elements are in it; an answer about any other number is refused as unreadable.
    :param idempotent: as in :func:`create`, for the whole batch.
    """
    statuses = batches.created(RESOURCE, count)

    def refused(reply: Reply) -> dict[int, LinkedInError]:
        if reply.body == b'{"elements":[%b]}' % b",".join([b'{"status":201}'] * count):
            return {}  # the usual answer, without an object for each of its 5,000 elements
        return {index: status.error for index, status in enumerate(statuses(reply)) if status.error}

    return restli.call(RESOURCE, "BATCH_CREATE", parse=refused, body=body, idempotent=idempotent)
