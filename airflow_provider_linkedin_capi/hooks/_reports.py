"""Reports through the hook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.hooks._rules import ConversionRulesMixin
from airflow_provider_linkedin_capi.reports import plan, request
from airflow_provider_linkedin_capi.reports.diagnosis import diagnose
from airflow_provider_linkedin_capi.reports.report_plan import fetch

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.reports.diagnosis import Finding
    from airflow_provider_linkedin_capi.reports.report import Report
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


class ReportsMixin(ConversionRulesMixin):
    """Ask for reports of the hook's ad account, and for why one is empty."""

    def report_request(self, *, conversion_rules: Any = None, **selection: Any) -> ReportRequest:
        """Return the request that users' values mean; costs requests only for rules given by name.

        :param conversion_rules: one rule or several, by id, URN or name; a mapping's values; None for all.
        :param selection: see :func:`~airflow_provider_linkedin_capi.reports.request.report_request`.
        :raises ValueError: LinkedIn would refuse such a report, or answer it wrongly.
        """
        if isinstance(conversion_rules, Mapping):
            conversion_rules = conversion_rules.values()
        elif isinstance(conversion_rules, int | str):
            conversion_rules = [conversion_rules] if conversion_rules != "" else []
        named = {str(number): rule for number, rule in enumerate(conversion_rules or ())}
        resolved = self.resolve_conversion_rules(named, method=None) if named else {}
        assert isinstance(resolved, dict), "a mapping is resolved to a mapping"
        return request.report_request(
            account=self.ad_account,
            conversion_rules=resolved.values(),
            today=dt.datetime.now(dt.UTC).date(),
            **selection,
        )

    def fetch_report(self, asked: ReportRequest) -> Report:
        """Return the whole report, however many calls it takes.

        :raises IncompleteReportError: LinkedIn cuts it off and it cannot be asked for in parts.
        """
        return plan.run(fetch(asked, self.api_version), self.call)

    def diagnose_report(self, asked: ReportRequest) -> Finding | None:
        """Say why a report is empty; None when LinkedIn may simply not have attributed anything yet."""
        return plan.run(diagnose(asked, self.api_version), self.call)
