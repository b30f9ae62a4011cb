"""Operator that associates campaigns with a conversion rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.api.value_lists import value_list
from airflow_provider_linkedin_capi.declarations import campaign_associations as associations
from airflow_provider_linkedin_capi.declarations.campaign_filter import CampaignFilter
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.retry_policy import default_retry_policy
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail, fail_on_permanent_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_linkedin_capi.api.campaigns import Campaign

_MODES = ("add", "replace", "remove")


class AssociateCampaignsOperator(LinkedInTaskMixin, BaseOperator):
    """Bring the campaigns of a conversion rule to a declared state.

    LinkedIn attributes a conversion only to campaigns that are associated with its rule, and silently accepts
    events of a rule without any campaign. The operator compares what is associated with what is declared and sends the
    difference, so a run that changes nothing sends nothing. Follows LinkedIn's `Conversion Tracking
    <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking>`__.

    .. code-block:: python

        AssociateCampaignsOperator(
            task_id="campaigns",
            conversion_rule="{{ ti.xcom_pull(task_ids='rule') }}",
            campaign_filter={"name": "EMEA *", "objective": "LEAD_GENERATION"},
            mode="replace",
        )

    :param conversion_rule: the rule's id, URN or name. (templated)
    :param campaigns: ids or URNs, as a list or as text with commas between. (templated)
    :param campaign_filter: instead of ``campaigns``; each key with one value or a list: ``status`` (``ACTIVE``,
        ``PAUSED`` and ``DRAFT`` unless given), ``name`` (patterns with ``*`` and ``?``, case counts),
        ``campaign_group`` (ids or URNs), ``objective`` (e.g. ``WEBSITE_CONVERSION``). (templated)
    :param mode: ``add`` associates the campaigns and leaves others alone; ``replace`` also ends all other
        associations; ``remove`` ends those of the campaigns.
    :param dry_run: only log the difference, and return it.
    :param ad_account_id: number or URN; the connection's when None. (templated)
    :param linkedin_conn_id: the Airflow connection.
    :return: ``{"added": [...], "removed": [...], "unchanged": [...]}`` with campaign URNs; ``unchanged`` are those of
        the declared campaigns that needed no change.
    :raises AirflowFailException: some campaigns were refused (the others are done; the message names each with
        LinkedIn's reason), or the parameters are wrong.
    """

    template_fields: Sequence[str] = (
        "conversion_rule",
        "campaigns",
        "campaign_filter",
        "ad_account_id",
        "linkedin_conn_id",
    )
    operator_extra_links = (CampaignManagerLink(),)
    ui_color = "#dce6f1"

    def __init__(
        self,
        *,
        conversion_rule: int | str,
        campaigns: Sequence[int | str] | int | str | None = None,
        campaign_filter: Mapping[str, Any] | None = None,
        mode: Literal["add", "replace", "remove"] = "add",
        dry_run: bool = False,
        ad_account_id: int | str | None = None,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        default_retry_policy(kwargs)
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ConfigurationError(f"mode={mode!r} is not one of {', '.join(_MODES)}")
        if (campaigns is None) == (campaign_filter is None):
            raise ConfigurationError("give either campaigns or campaign_filter")
        self.conversion_rule = conversion_rule
        self.campaigns = campaigns
        self.campaign_filter = campaign_filter
        self.mode = mode
        self.dry_run_only = dry_run
        self.ad_account_id = ad_account_id
        self.linkedin_conn_id = linkedin_conn_id

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Send what differs and return what was done."""
        with fail_on_permanent_errors(self.hook):
            CampaignManagerLink.persist(context, self.hook.ad_account)
            selected, known = self._selection()
            rule = self.hook.get_conversion_rule(self.hook.resolve_conversion_rule(self.conversion_rule, method=None))
            associated = associations.associated_with(self.hook, rule, selected, self.mode)
            difference = associations.Difference.between(associated, selected, self.mode)
            self._warn(difference, known, f"Conversion rule {rule.id} ({rule.name!r})")
            self._tell(difference, known, rule.name)
            if self.dry_run_only:
                return {"added": difference.add, "removed": difference.remove, "unchanged": difference.unchanged}
            outcome = associations.carry_out(self.hook, rule.urn, difference)
            if outcome.added or outcome.removed:
                self.log.info("Done: %d added, %d removed", len(outcome.added), len(outcome.removed))
        if outcome.refused:
            self._fail(outcome, known)
        return {"added": outcome.added, "removed": outcome.removed, "unchanged": difference.unchanged}

    def _selection(self) -> tuple[list[str], dict[str, Campaign]]:
        """Return the declared campaigns, and what is known of them."""
        if self.campaign_filter is not None:
            known = associations.selected_by(self.hook, CampaignFilter.of(self.campaign_filter))
            selected = list(known)
        else:
            known = {}
            selected = [urns.campaign(campaign) for campaign in value_list(self.campaigns, name="campaigns")]
        if not selected:
            if self.mode == "replace":
                raise ConfigurationError(
                    "no campaign is selected, and mode=replace would end every association of the rule. Correct the "
                    "selection; to end associations, list their campaigns with mode=remove"
                )
            self.log.warning("No campaign is selected; there is nothing to %s", self.mode)
        return selected, known

    def _warn(self, difference: associations.Difference, known: dict[str, Campaign], rule: str) -> None:
        unknown = [urn for urn in {*difference.afterwards, *difference.remove} if urn not in known]
        read = associations.read_campaigns(self.hook, unknown)
        known.update(read or {})
        if read is not None:
            for warning in associations.warnings(difference, known, rule):
                self.log.warning("%s", warning)

    def _tell(self, difference: associations.Difference, known: Mapping[str, Campaign], rule: str) -> None:
        would = "Dry run, would" if self.dry_run_only else "Will"
        for verb, campaigns in (("add to", difference.add), ("remove from", difference.remove)):
            if campaigns:
                listed = associations.listed(campaigns, known)
                self.log.info("%s %s conversion rule %r %d campaign(s): %s", would, verb, rule, len(campaigns), listed)
        if not (difference.add or difference.remove):
            self.log.info("All %d campaigns are as declared for rule %r", len(difference.unchanged), rule)

    def _fail(self, outcome: associations.Outcome, known: Mapping[str, Campaign]) -> None:
        for error, _ in outcome.reasons:
            if isinstance(error, exceptions.AccessDeniedError):
                error.advice = self.hook.diagnose_refusal(error)
        lines = [
            f"{len(outcome.refused)} campaign(s) refused, {len(outcome.added) + len(outcome.removed)} done. Refused:",
            *(f"{associations.listed(campaigns, known)}: {error}" for error, campaigns in outcome.reasons),
        ]
        fail("\n".join(lines), outcome.refused.values())
