"""How waiting for a report can fail, each way a type of its own, so that callbacks can distinguish them.

They are Airflow's exceptions as well as this package's; ``docs/errors.md`` lists them.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_linkedin_capi.exceptions import LinkedInConversionsError


class ReportNotReadyError(AirflowSensorTimeout, LinkedInConversionsError):
    """Time ran out while LinkedIn may still attribute conversions: 72 hours have not passed."""


class ReportNotSettledError(AirflowSensorTimeout, LinkedInConversionsError):
    """Time ran out while the report still changed."""


class NothingAttributedError(AirflowFailException, LinkedInConversionsError):
    """The 72 hours have passed, and the report does not hold what was waited for."""

    permanent = True


class NoReportAccessError(AirflowFailException, LinkedInConversionsError):
    """The token's member has no role in the ad account, so its reports come back empty."""

    permanent = True


class WrongRuleError(AirflowFailException, LinkedInConversionsError):
    """A conversion rule that was asked for does not exist, or not in this ad account."""

    permanent = True


class RuleNotAssociatedError(AirflowFailException, LinkedInConversionsError):
    """No campaign is associated with the rule, so nothing can ever be attributed to it."""

    permanent = True
