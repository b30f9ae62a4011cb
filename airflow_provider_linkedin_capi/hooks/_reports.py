"""Reports through the hook."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.hooks._rules import ConversionRulesMixin
from airflow_provider_linkedin_capi.reports import plan, request
from airflow_provider_linkedin_capi.reports.diagnosis import diagnose
from airflow_provider_linkedin_capi.reports.report_plan import report_plan

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.reports.diagnosis import Finding
    from airflow_provider_linkedin_capi.reports.report import Report
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


class ReportsMixin(ConversionRulesMixin):
    """Ask for reports of the hook's ad account, and for why one is empty."""

    def report_request(self, *, conversion_rules: Any = None, **selection: Any) -> ReportRequest:
        """Return a checked request for a report; calls LinkedIn only for rules given by name.

        :param conversion_rules: one rule or several, by id, URN or name; None for all of the account.
        :param selection: see :func:`~airflow_provider_linkedin_capi.reports.request.report_request`.
        :raises ConfigurationError: LinkedIn would refuse such a report, or answer it wrongly.
        """
        named = {str(number): rule for number, rule in enumerate(request.rule_references(conversion_rules))}
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

        :raises IncompleteReportError: LinkedIn cut the report off, and it cannot be read in smaller parts.
        """
        return plan.run(report_plan(asked, self.api_version), self.call)

    def diagnose_report(self, asked: ReportRequest) -> Finding | None:
        """Return why a report is empty; None when LinkedIn may just not have attributed anything yet."""
        return plan.run(diagnose(asked, self.api_version), self.call)
