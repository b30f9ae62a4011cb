"""Operators that declare and change conversion rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_linkedin_capi.api import conversion_rules, url_match_rules, urns
from airflow_provider_linkedin_capi.declarations import rule_declaration as declaration
from airflow_provider_linkedin_capi.declarations import rule_fields
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.retry_policy import default_retry_policy
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail_on_permanent_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context


_IF_EXISTS = ("reuse", "update", "fail")


class _ConversionRuleOperator(LinkedInTaskMixin, BaseOperator):
    """What both operators share: the rule's fields as parameters, and the result."""

    operator_extra_links = (CampaignManagerLink(),)
    ui_color = "#dce6f1"

    def __init__(
        self,
        *,
        name: str | None,
        conversion_type: str | None,
        attribution_type: str | None,
        post_click_attribution_window: int | str | None,
        view_through_attribution_window: int | str | None,
        value_type: str | None,
        value: Any,
        enabled: bool | None,
        url_match_rules: str | None,
        ad_account_id: int | str | None,
        linkedin_conn_id: str,
        **kwargs: Any,
    ) -> None:
        default_retry_policy(kwargs)
        super().__init__(**kwargs)
        self.name = name
        self.conversion_type = conversion_type
        self.attribution_type = attribution_type
        self.post_click_attribution_window = post_click_attribution_window
        self.view_through_attribution_window = view_through_attribution_window
        self.value_type = value_type
        self.value = value
        self.enabled = enabled
        self.url_match_rules = url_match_rules
        self.ad_account_id = ad_account_id
        self.linkedin_conn_id = linkedin_conn_id

    def _fields(self, conversion_method: str | None = None) -> dict[str, Any]:
        """Return the rule's fields that were given, as LinkedIn spells them."""
        fields = rule_fields.wire_fields(
            name=self.name,
            conversion_type=self.conversion_type,
            conversion_method=conversion_method,
            attribution_type=self.attribution_type,
            post_click_attribution_window=self.post_click_attribution_window,
            view_through_attribution_window=self.view_through_attribution_window,
            value_type=self.value_type,
            value=self.value,
            enabled=self.enabled,
            url_match_rules=self.url_match_rules,
        )
        if not fields:
            raise ConfigurationError("nothing to change: give at least one field of the rule besides conversion_rule")
        return declaration.in_account_currency(self.hook, fields)

    def _publish(self, declared: declaration.Declared, context: Context) -> str:
        self.log.info("Conversion rule %r (%s): %s", declared.rule.name, declared.urn, declared.action)
        if expression := rule_fields.wire_form(declared.rule).get("urlMatchRuleExpression"):
            self.log.info("It counts pages that match: %s", url_match_rules.readable(expression))
        CampaignManagerLink.persist(context, self.hook.ad_account)
        context["ti"].xcom_push(key="conversion_rule", value=declared.as_xcom())
        return declared.urn


class CreateConversionRuleOperator(_ConversionRuleOperator):
    """Make sure that a conversion rule exists in the ad account, as declared.

    Searches for the rule by ad account, name and conversion method, and creates it if it does not exist. Running it
    again, in parallel or after a lost answer ends with one rule in use. Follows LinkedIn's `Conversions API
    <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversions-api>`__; LinkedIn has no
    way to delete a rule, only to disable it.

    .. code-block:: python

        rule = CreateConversionRuleOperator(
            task_id="rule",
            name="CRM purchase",
            conversion_type="PURCHASE",
            post_click_attribution_window=90,
            if_exists="update",
        )
        StreamConversionsOperator(task_id="stream", conversion_rule=rule.output, sql=..., sql_conn_id="warehouse")

    A rule of the insight tag declares the pages that it counts, in the form that
    :mod:`~airflow_provider_linkedin_capi.api.url_match_rules` describes::

        CreateConversionRuleOperator(
            task_id="thank_you",
            name="Thank-you page",
            conversion_type="LEAD",
            conversion_method="INSIGHT_TAG_URL_MATCH_RULES",
            url_match_rules="www.example.com/shop* AND *product1* OR =www.example.com/thankyou",
        )

    :param name: the rule's name. (templated)
    :param conversion_type: what the conversion is, e.g. ``LEAD``, ``PURCHASE``. (templated)
    :param ad_account_id: number or URN; the connection's when None. (templated)
    :param attribution_type: ``LAST_TOUCH_BY_CAMPAIGN`` (each campaign) or ``LAST_TOUCH_BY_CONVERSION`` (one).
    :param post_click_attribution_window: days, 1, 7, 30 or 90; also 180 and 365 for some types.
    :param view_through_attribution_window: days, like the former.
    :param value_type: ``DYNAMIC`` (each event brings its value; LinkedIn's default), ``FIXED`` or ``NO_VALUE``.
    :param value: for ``FIXED``: an amount in the ad account's currency, or
        ``{"currencyCode": "USD", "amount": "50.00"}``, which must be in that currency too. (templated)
    :param auto_association: ``ALL_CAMPAIGNS`` (up to 200) or ``OBJECTIVE_BASED``: what LinkedIn associates, once,
        when the rule is created. None leaves it to
        :class:`~airflow_provider_linkedin_capi.operators.campaigns.AssociateCampaignsOperator`.
    :param if_exists: ``reuse`` logs and returns the differences; ``update`` changes exactly the fields that
        differ (never account or method); ``fail`` fails.
    :param enabled: True or False to declare the state; None leaves an existing rule as it is. A rule that was
        disabled is enabled again only by ``enabled=True`` together with ``if_exists="update"``.
    :param conversion_method: ``CONVERSIONS_API``, ``INSIGHT_TAG_URL_MATCH_RULES`` or
        ``INSIGHT_TAG_JAVASCRIPT_EVENT``.
    :param url_match_rules: for ``INSIGHT_TAG_URL_MATCH_RULES``: the pages that count. (templated)
    :param conversion_rule: id or URN of the existing rule that is meant: chooses among several of the same name,
        and lets ``if_exists="update"`` change the name. (templated)
    :param linkedin_conn_id: the Airflow connection.
    :return: the rule's URN. Under the XCom key ``conversion_rule``: ``{"conversion_rule", "action", "differences",
        "disabled_duplicates", "rule"}``, where ``action`` is ``created``, ``reused`` or ``updated`` and ``rule`` is
        the whole rule as LinkedIn spells it.
    :raises AirflowFailException: LinkedIn would refuse the rule, refused it, or several rules have the name.
    """

    template_fields: Sequence[str] = (
        "name",
        "conversion_type",
        "ad_account_id",
        "post_click_attribution_window",
        "view_through_attribution_window",
        "value",
        "url_match_rules",
        "conversion_rule",
        "linkedin_conn_id",
    )

    def __init__(
        self,
        *,
        name: str,
        conversion_type: str,
        ad_account_id: int | str | None = None,
        attribution_type: str = "LAST_TOUCH_BY_CAMPAIGN",
        post_click_attribution_window: int | str = 30,
        view_through_attribution_window: int | str = 7,
        value_type: str | None = None,
        value: Any = None,
        auto_association: str | None = None,
        if_exists: Literal["reuse", "update", "fail"] = "reuse",
        enabled: bool | None = None,
        conversion_method: str = "CONVERSIONS_API",
        url_match_rules: str | None = None,
        conversion_rule: int | str | None = None,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name=name,
            conversion_type=conversion_type,
            attribution_type=attribution_type,
            post_click_attribution_window=post_click_attribution_window,
            view_through_attribution_window=view_through_attribution_window,
            value_type=value_type,
            value=value,
            enabled=enabled,
            url_match_rules=url_match_rules,
            ad_account_id=ad_account_id,
            linkedin_conn_id=linkedin_conn_id,
            **kwargs,
        )
        if if_exists not in _IF_EXISTS:
            raise ConfigurationError(f"if_exists={if_exists!r} is not one of {', '.join(_IF_EXISTS)}")
        conversion_rules.check_auto_association(auto_association)
        self.auto_association = auto_association
        self.if_exists = if_exists
        self.conversion_method = conversion_method
        self.conversion_rule = conversion_rule

    def execute(self, context: Context) -> str:
        """Find or create the rule and return its URN."""
        with fail_on_permanent_errors(self.hook):
            fields = self._fields(self.conversion_method)
            conversion_rules.check({**fields, "account": self.hook.ad_account}, self.hook.api_version)
            declared = declaration.declare(
                self.hook,
                fields,
                if_exists=self.if_exists,
                auto_association=self.auto_association,
                chosen=None if self.conversion_rule is None else urns.conversion_rule(self.conversion_rule),
            )
        return self._publish(declared, context)


class UpdateConversionRuleOperator(_ConversionRuleOperator):
    """Change some fields of an existing conversion rule; enable or disable it.

    Sends exactly the fields that differ from the rule as it is, nothing when none does. Changes hold for future
    conversions only. Follows LinkedIn's `Conversions API
    <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversions-api>`__.

    .. code-block:: python

        UpdateConversionRuleOperator(task_id="retire", conversion_rule="CRM purchase (old)", enabled=False)

    :param conversion_rule: the rule's id, URN or name. (templated)
    :param name: a new name. (templated)
    :param conversion_type: a new type.
    :param attribution_type: ``LAST_TOUCH_BY_CAMPAIGN`` or ``LAST_TOUCH_BY_CONVERSION``.
    :param post_click_attribution_window: days. (templated)
    :param view_through_attribution_window: days. (templated)
    :param value_type: ``DYNAMIC``, ``FIXED`` or ``NO_VALUE``.
    :param value: for ``FIXED``: an amount in the ad account's currency, or ``{"currencyCode", "amount"}``.
        (templated)
    :param enabled: True enables, False disables the rule. LinkedIn refuses events of a disabled rule.
    :param url_match_rules: for rules of the insight tag: the pages that count. (templated)
    :param ad_account_id: number or URN; the connection's when None. (templated)
    :param linkedin_conn_id: the Airflow connection.
    :return: the rule's URN. Under the XCom key ``conversion_rule``: what
        :class:`CreateConversionRuleOperator` pushes; ``action`` is ``updated``, or ``reused`` when nothing differed.
    :raises AirflowFailException: the rule does not exist, or LinkedIn would refuse the change or refused it.
    """

    template_fields: Sequence[str] = (
        "conversion_rule",
        "name",
        "ad_account_id",
        "post_click_attribution_window",
        "view_through_attribution_window",
        "value",
        "url_match_rules",
        "linkedin_conn_id",
    )

    def __init__(
        self,
        *,
        conversion_rule: int | str,
        name: str | None = None,
        conversion_type: str | None = None,
        attribution_type: str | None = None,
        post_click_attribution_window: int | str | None = None,
        view_through_attribution_window: int | str | None = None,
        value_type: str | None = None,
        value: Any = None,
        enabled: bool | None = None,
        url_match_rules: str | None = None,
        ad_account_id: int | str | None = None,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name=name,
            conversion_type=conversion_type,
            attribution_type=attribution_type,
            post_click_attribution_window=post_click_attribution_window,
            view_through_attribution_window=view_through_attribution_window,
            value_type=value_type,
            value=value,
            enabled=enabled,
            url_match_rules=url_match_rules,
            ad_account_id=ad_account_id,
            linkedin_conn_id=linkedin_conn_id,
            **kwargs,
        )
        self.conversion_rule = conversion_rule

    def execute(self, context: Context) -> str:
        """Change what differs and return the rule's URN."""
        with fail_on_permanent_errors(self.hook):
            fields = self._fields()
            rule = self.hook.get_conversion_rule(self.hook.resolve_conversion_rule(self.conversion_rule, method=None))
            declared = declaration.bring_up_to_date(self.hook, rule, fields)
        return self._publish(declared, context)
