"""DMP segments of the retired offline conversions API: ``/dmpSegments`` with ``sourceType=CONVERSION``.

LinkedIn switched that API off in November 2023; 202310 was its last version and today's versions do not have it.
These calls are for an endpoint that still serves a legacy version, which each of them names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import limits, paging, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.api.paging import Page


_NAME = "dmpSegments"
_VERSION = re.compile(r"20[0-9]{4}(\.[0-9]{2})?\Z")


def resource(version: str) -> Resource:
    """Return the resource in a legacy version.

    :raises ConfigurationError: the version never had it.
    """
    check_version(version)
    return Resource(_NAME, scope="rw_offlineConversions", only_version=version)


class DmpSegment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A segment into which offline conversions are streamed."""

    id: int
    name: str = ""
    account: str = ""
    description: str | None = None
    source_platform: str | None = None
    source_segment_id: str | None = None
    source_type: str | None = None
    type: str | None = None
    access_policy: str | None = None

    @property
    def urn(self) -> str:
        """``urn:li:dmpSegment:<id>``."""
        return urns.dmp_segment(self.id)


def create(
    account: int | str,
    name: str,
    version: str,
    *,
    source_platform: str,
    description: str | None = None,
    source_segment_id: str | None = None,
) -> Call[DmpSegment]:
    """Return the call that creates an empty segment; leave it alone for 5 seconds afterwards.

    :param source_platform: the name LinkedIn gave to the partner.
    :param source_segment_id: the segment's id on that platform.
    """
    if not name.strip() or not source_platform.strip():
        raise ConfigurationError(
            "a DMP segment needs a name and a source_platform, the name that LinkedIn gave to the partner"
        )
    body = {
        "name": name,
        "sourcePlatform": source_platform,
        "account": urns.ad_account(account),
        "accessPolicy": "PRIVATE",
        "type": "USER",
        "sourceType": "CONVERSION",
        "destinations": [{"destination": "LINKEDIN"}],
    }
    if description is not None:
        body["description"] = description
    if source_segment_id is not None:
        body["sourceSegmentId"] = source_segment_id

    def parse(reply: Reply) -> DmpSegment:
        return msgspec.convert({**body, "id": int(restli.created_id(reply))}, DmpSegment)

    return restli.call(resource(version), "CREATE", parse=parse, body=body)


def get(segment: int | str, version: str) -> Call[DmpSegment]:
    """Return the call that reads one segment."""
    return restli.call(
        resource(version), "GET", parse=restli.entity(DmpSegment), key=urns.number(urns.dmp_segment(segment))
    )


def find(
    account: int | str,
    version: str,
    *,
    source_platform: str | None = None,
    source_segment_id: str | None = None,
) -> Call[Page[DmpSegment]]:
    """Return the call that finds the offline-conversion segments of an account, all in one page."""
    parameters = {
        "q": "account",
        "account": urns.ad_account(account),
        "sourceType": "CONVERSION",
        "sourcePlatform": source_platform,
        "sourceSegmentId": source_segment_id,
    }
    return paging.Finder(DmpSegment, resource(version), parameters).by_index()


def check_version(version: str) -> None:
    """Refuse a version that did not have offline conversions."""
    if not _VERSION.match(version):
        raise ConfigurationError(
            f"legacy version {version!r} is not valid; write it like {limits.LAST_OFFLINE_VERSION}"
        )
    if version[:6] > limits.LAST_OFFLINE_VERSION:
        raise ConfigurationError(
            f"LinkedIn retired the offline conversions API in November 2023: API version {version} does not have it. "
            f"Move to conversion events (docs/offline-migration.md), or pass a legacy version, "
            f"{limits.LAST_OFFLINE_VERSION} at most, for an endpoint that still serves one."
        )
