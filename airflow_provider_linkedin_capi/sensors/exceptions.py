"""How waiting for a report can fail, each way a type of its own, so that callbacks can tell them apart."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout


class ReportNotReadyError(AirflowSensorTimeout):
    """Time ran out while LinkedIn may still attribute conversions: 72 hours have not passed."""


class ReportNotSettledError(AirflowSensorTimeout):
    """Time ran out while the report still changed."""


class NothingAttributedError(AirflowFailException):
    """The 72 hours have passed, and the report does not hold what was waited for."""


class NoReportAccessError(AirflowFailException):
    """The token's member has no role in the ad account, so its reports come back empty."""


class WrongRuleError(AirflowFailException):
    """A conversion rule that was asked for does not exist, or not in this ad account."""


class RuleNotAssociatedError(AirflowFailException):
    """No campaign is associated with the rule, so nothing can ever be attributed to it."""
