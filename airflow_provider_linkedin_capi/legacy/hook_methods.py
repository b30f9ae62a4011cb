"""The offline conversions API that LinkedIn retired in November 2023, through the hook."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from airflow_provider_linkedin_capi.api import conversion_rules, limits, urns
from airflow_provider_linkedin_capi.api.restli import VERSION_HEADER
from airflow_provider_linkedin_capi.exceptions import LinkedInError
from airflow_provider_linkedin_capi.legacy import dmp_segments, offline_conversions
from airflow_provider_linkedin_capi.legacy.row_mapper import migrate_offline_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule
    from airflow_provider_linkedin_capi.legacy.dmp_segments import DmpSegment
    from airflow_provider_linkedin_capi.legacy.offline_conversions import OfflineConversion

T = TypeVar("T")


class OfflineConversionsMixin:
    """Part of the hook: DMP segments, offline conversions and their rules, where 202310 or older is served.

    Public API: all of its methods.

    LinkedIn itself serves none. Each method of the old API takes that version as ``legacy_version``, never the
    connection's. To associate campaigns with offline rules and to read their reports under it, use a hook made
    with ``LinkedInConversionsHook(..., api_version="202310")``. :meth:`migrate_offline_conversion_rule` moves a rule to
    today's API and version.
    """

    if TYPE_CHECKING:
        # What the hook brings.
        paginate: Any
        find_conversion_rules: Any
        create_conversion_rule: Any
        associate_campaigns: Any

        @property
        def ad_account(self) -> str:
            """The ad account's URN."""

        def call(self, call: Call[T]) -> T:
            """Carry out a call and return its typed result."""

        def get_conversion_rule(self, rule: int | str) -> ConversionRule:
            """Return one rule by id or URN."""

    def create_offline_segment(
        self,
        name: str,
        *,
        source_platform: str,
        legacy_version: str,
        description: str | None = None,
        source_segment_id: str | None = None,
    ) -> DmpSegment:
        """Create a segment for offline conversions and wait the five seconds until it may be used.

        :param source_platform: the name that LinkedIn gave to the partner.
        :param source_segment_id: the segment's id on that platform.
        """
        segment = self.call(
            dmp_segments.create(
                self.ad_account,
                name,
                legacy_version,
                source_platform=source_platform,
                description=description,
                source_segment_id=source_segment_id,
            )
        )
        time.sleep(limits.DMP_SEGMENT_SETTLE_SECONDS)
        return segment

    def get_offline_segment(self, segment: int | str, *, legacy_version: str) -> DmpSegment:
        """Return a segment by id or URN."""
        return self.call(dmp_segments.get(segment, legacy_version))

    def find_offline_segments(
        self, *, legacy_version: str, source_platform: str | None = None, source_segment_id: str | None = None
    ) -> Iterator[DmpSegment]:
        """Yield the account's segments for offline conversions."""
        yield from self.paginate(
            dmp_segments.find(
                self.ad_account,
                legacy_version,
                source_platform=source_platform,
                source_segment_id=source_segment_id,
            )
        )

    def create_offline_conversion_rule(
        self, name: str, conversion_type: str, segment: int | str, *, legacy_version: str, **fields: Any
    ) -> ConversionRule:
        """Create the rule that attributes a segment's conversions of one type.

        :param fields: further fields of the rule by LinkedIn's names, e.g. ``postClickAttributionWindowSize=90``.
        """
        rule = {
            "name": name,
            "type": conversion_type,
            "account": self.ad_account,
            "conversionMethod": "OFFLINE_CONVERSIONS_UPLOAD",
            "dmpSegment": urns.dmp_segment(segment),
            **fields,
        }
        call = conversion_rules.create(rule, legacy_version)
        return self.call(replace(call, headers={**call.headers, VERSION_HEADER: legacy_version}))

    def stream_offline_conversion(
        self, segment: int | str, conversion: OfflineConversion, *, legacy_version: str
    ) -> None:
        """Stream one offline conversion into a segment, or remove it again."""
        self.call(offline_conversions.create(segment, conversion, legacy_version))

    def stream_offline_conversions(
        self, segment: int | str, conversions: Iterable[OfflineConversion], *, legacy_version: str
    ) -> int:
        """Stream any number of offline conversions in batches within LinkedIn's limits; return how many.

        :raises LinkedInError: a batch was refused, whole; a note says how many conversions went before it.
        """
        sent = 0
        for batch in offline_conversions.batched(conversions):
            try:
                for status in self.call(offline_conversions.batch_create(segment, batch, legacy_version)):
                    if status.error is not None:
                        raise status.error
            except LinkedInError as error:
                error.add_note(f"{sent} offline conversions were taken before this batch of {len(batch)}")
                raise
            sent += len(batch)
        return sent

    def migrate_offline_conversion_rule(self, rule: int | str, *, conversion_type: str | None = None) -> ConversionRule:
        """Make today's counterpart of an offline rule, with the same campaigns, and return it.

        A rule for conversion events that has the same name and type already is taken instead of a new one, so this
        may be repeated. The offline rule and its reports stay as they are.

        :param rule: id or URN of the ``OFFLINE_CONVERSIONS_UPLOAD`` rule.
        :param conversion_type: today's type for a rule whose own type is retired.
        :raises ValueError: the rule is of another kind, or of a retired type.
        """
        old = self.get_conversion_rule(rule)
        body = migrate_offline_rule(msgspec.to_builtins(old), conversion_type=conversion_type)
        alike = self.find_conversion_rules(name=body["name"], method=body["conversionMethod"])
        new = next((candidate for candidate in alike if candidate.type == body["type"]), None)
        if new is None:
            new = self.create_conversion_rule(body)
        if missing := old.campaign_urns - new.campaign_urns:
            self.associate_campaigns(new.urn, sorted(missing)).check()
        return self.get_conversion_rule(new.urn)
