"""Operators for the Insight Tag: that it exists, which domains feed it, and which ad accounts may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import insight_tag_permissions, urns
from airflow_provider_linkedin_capi.declarations import insight_tag_access as access
from airflow_provider_linkedin_capi.declarations import insight_tag_domains as domains
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.retry_policy import default_retry_policy
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail, fail_on_permanent_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_linkedin_capi.api.insight_tags import InsightTag


class _InsightTagOperator(LinkedInTaskMixin, BaseOperator):
    """What the operators share: connection and ad account."""

    operator_extra_links = (CampaignManagerLink(),)
    ui_color = "#dce6f1"

    def __init__(
        self,
        *,
        ad_account_id: int | str | None = None,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        default_retry_policy(kwargs)
        super().__init__(**kwargs)
        self.ad_account_id = ad_account_id
        self.linkedin_conn_id = linkedin_conn_id


class EnsureInsightTagOperator(_InsightTagOperator):
    """Make sure that the ad account has an Insight Tag, and hand on its snippet.

    Finds the account's tag, its own or one shared with it, and creates one only if it has none. Safe to run
    again and in parallel: after a lost answer, or when another run was faster, it searches again instead of creating.
    Follows LinkedIn's `Conversion Tracking
    <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking>`__.

    .. code-block:: python

        tag = EnsureInsightTagOperator(task_id="tag", first_party_tracking=True)


        @task
        def publish(tag: dict):
            Path("/srv/www/footer.html").write_text(tag["snippet"])


        publish(tag.output["insight_tag"])

    :param first_party_tracking: whether the tag may set cookies of the advertiser's own domain; holds for every
        account that shares the tag. None leaves it as it is.
    :param ad_account_id: number or URN; the connection's when None. (templated)
    :param linkedin_conn_id: the Airflow connection. (templated)
    :return: the tag's URN. Under the XCom key ``insight_tag``: ``{"insight_tag", "id", "snippet",
        "first_party_tracking", "action"}``, where ``id`` is the ``pid`` of image pixels and ``action`` is ``found``
        or ``created``.
    :raises AirflowFailException: first-party tracking is to be switched and the account has only ``USE_ONLY`` access to
        the tag, or LinkedIn refused.
    """

    template_fields: Sequence[str] = ("ad_account_id", "linkedin_conn_id")

    def __init__(self, *, first_party_tracking: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if first_party_tracking not in (None, True, False):
            raise ConfigurationError(f"first_party_tracking={first_party_tracking!r} is not True, False or None")
        self.first_party_tracking = first_party_tracking

    def execute(self, context: Context) -> str:
        """Find or create the tag and return its URN."""
        with fail_on_permanent_errors(self.hook):
            tag, action = self._find_or_create()
            tracking = tag.first_party_tracking_enabled
            if self.first_party_tracking not in (None, tracking):
                if action == "found":
                    access.require_full(self.hook, tag.id, "switch first-party tracking")
                self.hook.set_first_party_tracking(tag.id, bool(self.first_party_tracking))
                tracking = self.first_party_tracking
                self.log.info("First-party tracking of %s is now %s", tag.urn, "on" if tracking else "off")
        CampaignManagerLink.persist(context, self.hook.ad_account)
        self.log.info("Insight Tag of %s: %s (%s)", self.hook.ad_account, tag.urn, action)
        context["ti"].xcom_push(
            key="insight_tag",
            value={
                "insight_tag": tag.urn,
                "id": tag.id,
                "snippet": tag.tag,
                "first_party_tracking": tracking,
                "action": action,
            },
        )
        return tag.urn

    def _find_or_create(self) -> tuple[InsightTag, str]:
        if tag := self.hook.find_insight_tag():
            return tag, "found"
        try:
            tag = self.hook.create_insight_tag()
        except exceptions.LinkedInError as error:
            # Either the answer was lost, or somebody else has created the account's one tag since the search above.
            if not (error.outcome_unknown or isinstance(error, exceptions.InvalidRequestError)):
                raise
            if (existing := self.hook.find_insight_tag()) is None:
                raise
            self.log.warning("%s; the account has a tag now, using it", error)
            return existing, "found"
        return (tag if tag.tag else self.hook.get_insight_tag(tag.id)), "created"


class GovernInsightTagDomainsOperator(_InsightTagOperator):
    """Let only known domains feed the ad account: block every other one on which its Insight Tag was seen.

    A blocked domain feeds no conversions, audiences and demographics any more. Domains that match the list and are
    blocked are allowed again. LinkedIn lists a domain some minutes after its first visit, so schedule this
    regularly. Start with a dry run, the default: the log and the XCom tell what would change. Follows
    LinkedIn's `Conversion Tracking
    <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking>`__.

    .. code-block:: python

        GovernInsightTagDomainsOperator(
            task_id="domains",
            allowed_domains=["example.com", "*.example.com", "shop-??.example.net"],
            dry_run=False,
        )

    :param allowed_domains: names or globs (``*``, ``?``, ``[...]``), as a list or as text with commas between, compared
        without regard to case; ``*`` also matches dots, and ``*.example.com`` does not match ``example.com``.
        (templated)
    :param dry_run: only report what would change.
    :param ad_account_id: number or URN; the connection's when None. (templated)
    :param linkedin_conn_id: the Airflow connection. (templated)
    :return: ``{"blocked": [...], "allowed": [...], "unchanged": [...], "refused": {domain: reason}, "dry_run"}``:
        the domains that were (or would be) blocked and allowed, and those that stay as they are.
    :raises AirflowFailException: the list is empty or contains something that is not a domain, the account has only
        ``USE_ONLY`` access to the tag, or LinkedIn refused; the XCom under the key ``domains`` is pushed before.
    :raises AirflowException: LinkedIn refused a domain for a reason that may pass, so that a retry can help.
    """

    template_fields: Sequence[str] = ("allowed_domains", "ad_account_id", "linkedin_conn_id")

    def __init__(self, *, allowed_domains: Sequence[str] | str, dry_run: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allowed_domains = allowed_domains
        self.dry_run_only = dry_run  # BaseOperator has a method dry_run

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare the domains with the list, change what differs, and return the difference."""
        with fail_on_permanent_errors(self.hook):
            difference = domains.difference(
                self.hook.find_insight_tag_domains(), domains.patterns(self.allowed_domains)
            )
            if difference.is_empty:
                self.log.warning(
                    "LinkedIn lists no domain for %s: it has no Insight Tag, or nobody has visited a page with it yet. "
                    "A domain is listed 5 to 10 minutes after its first visit.",
                    self.hook.ad_account,
                )
            for name in difference.blocked:
                self.log.info("%s: %s", name, "would be blocked" if self.dry_run_only else "to be blocked")
            for name in difference.allowed:
                self.log.info("%s: %s", name, "would be allowed again" if self.dry_run_only else "to be allowed again")
            refused: dict[str, exceptions.LinkedInError] = {}
            if difference.changes and not self.dry_run_only:
                access.require_full(self.hook, None, "change which domains feed it")
                refused = domains.apply(self.hook, difference.changes)
        CampaignManagerLink.persist(context, self.hook.ad_account)
        result = {
            "blocked": [name for name in difference.blocked if name not in refused],
            "allowed": [name for name in difference.allowed if name not in refused],
            "unchanged": difference.unchanged,
            "refused": {name: str(error) for name, error in refused.items()},
            "dry_run": self.dry_run_only,
        }
        self.log.info(
            "Domains of %s: %d to block, %d to allow again, %d unchanged, %d refused%s",
            self.hook.ad_account,
            len(difference.blocked),
            len(difference.allowed),
            len(difference.unchanged),
            len(refused),
            "; dry run, nothing was changed: set dry_run=False to change it" if self.dry_run_only else "",
        )
        if refused:
            context["ti"].xcom_push(key="domains", value=result)
            listed = "; ".join(f"{name}: {error}" for name, error in list(refused.items())[:10])
            fail(
                f"LinkedIn refused {len(refused)} of {len(difference.changes)} domains: {listed}",
                refused.values(),
            )
        return result


class GrantInsightTagAccessOperator(_InsightTagOperator):
    """Let another ad account use this account's Insight Tag.

    An ad account has one tag at most, so the other account must not have another one; where the token can see
    that, it is said before anything is sent. Running it again changes nothing. Follows LinkedIn's `Conversion
    Tracking <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking>`__.

    .. code-block:: python

        GrantInsightTagAccessOperator(task_id="share", target_account=5099999, role="USE_ONLY")

    :param target_account: number or URN of the account that gets access. (templated)
    :param role: ``USE_ONLY`` (view; edit conversions and match rules) or ``FULL`` (also change the tag, its domains
        and its permissions). (templated)
    :param insight_tag: id or URN of the tag; the account's own when None. (templated)
    :param ad_account_id: the account that grants, with ``FULL`` access; the connection's when None. (templated)
    :param linkedin_conn_id: the Airflow connection. (templated)
    :return: ``{"insight_tag", "target_account", "role", "action"}``; ``action`` is ``granted`` or ``unchanged``.
    :raises AirflowFailException: the granting account lacks ``FULL`` access, the other one has a tag already, or
        LinkedIn refused.
    """

    template_fields: Sequence[str] = ("target_account", "role", "insight_tag", "ad_account_id", "linkedin_conn_id")

    def __init__(
        self,
        *,
        target_account: int | str,
        role: str = insight_tag_permissions.USE_ONLY,
        insight_tag: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_account = target_account
        self.role = role
        self.insight_tag = insight_tag

    def execute(self, context: Context) -> dict[str, str]:
        """Grant the access unless the account has it."""
        with fail_on_permanent_errors(self.hook):
            target = urns.ad_account(self.target_account)
            tag = access.require_full(self.hook, self.insight_tag, f"grant access to {target}")
            action = access.grant(self.hook, tag, target, self.role)
        CampaignManagerLink.persist(context, self.hook.ad_account)
        self.log.info("%s access of %s to %s: %s", self.role, target, tag, action)
        return {"insight_tag": tag, "target_account": target, "role": self.role, "action": action}


class RevokeInsightTagAccessOperator(_InsightTagOperator):
    """End the access of an ad account, this one or another, to an Insight Tag.

    One account with ``FULL`` access has to stay: when an account gives up its own, the other accounts of the token's
    member are searched for one that keeps it. Running it again changes nothing. Follows LinkedIn's
    `Conversion Tracking
    <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking>`__.

    To move an account to another tag: grant ``FULL`` access to its present tag to another account, revoke its own,
    then have an account with ``FULL`` access to the new tag grant that.

    .. code-block:: python

        RevokeInsightTagAccessOperator(task_id="unshare", target_account=5099999)

    :param target_account: number or URN of the account that loses access. (templated)
    :param insight_tag: id or URN of the tag; the revoking account's own when None. (templated)
    :param keeper_account: when an account gives up its own access: the account with ``FULL`` access that stays. Only
        needed when the token cannot see it. (templated)
    :param ad_account_id: the account that revokes, with ``FULL`` access; the connection's when None. (templated)
    :param linkedin_conn_id: the Airflow connection. (templated)
    :return: ``{"insight_tag", "target_account", "action"}``; ``action`` is ``revoked`` or ``unchanged``, the tag None
        when the account has none and none was named.
    :raises AirflowFailException: the revoking account lacks ``FULL`` access, nobody would keep it, or LinkedIn
        refused.
    """

    template_fields: Sequence[str] = (
        "target_account",
        "insight_tag",
        "keeper_account",
        "ad_account_id",
        "linkedin_conn_id",
    )

    def __init__(
        self,
        *,
        target_account: int | str,
        insight_tag: int | str | None = None,
        keeper_account: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_account = target_account
        self.insight_tag = insight_tag
        self.keeper_account = keeper_account

    def execute(self, context: Context) -> dict[str, str | None]:
        """Revoke the access unless the account has none."""
        with fail_on_permanent_errors(self.hook):
            target = urns.ad_account(self.target_account)
            tag, action = access.revoke(self.hook, self.insight_tag, target, self.keeper_account)
        CampaignManagerLink.persist(context, self.hook.ad_account)
        self.log.info("Access of %s to %s: %s", target, tag, action)
        return {"insight_tag": tag, "target_account": target, "action": action}
