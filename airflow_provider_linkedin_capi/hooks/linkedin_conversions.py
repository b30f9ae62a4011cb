"""The hook: tasks' one door to LinkedIn."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import requests
import urllib3
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import (
    account_users,
    ad_accounts,
    campaign_associations,
    campaigns,
    conversion_events,
    conversion_rules,
    insight_tag_domains,
    insight_tag_permissions,
    insight_tags,
    limits,
    path_to_conversion,
    retry,
)
from airflow_provider_linkedin_capi.api import rule_references as references
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.api.restli import VERSION_HEADER
from airflow_provider_linkedin_capi.delivery.interfaces import Chunk, DeliverySettings
from airflow_provider_linkedin_capi.delivery.outcomes import Reason, Summary
from airflow_provider_linkedin_capi.hooks import connection_settings, diagnosis, transport
from airflow_provider_linkedin_capi.hooks.tokens import TokenSource
from airflow_provider_linkedin_capi.legacy.hook_methods import OfflineConversionsMixin
from airflow_provider_linkedin_capi.reports import diagnosis as report_diagnosis
from airflow_provider_linkedin_capi.reports import plan, report_plan, request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_linkedin_capi.api.ad_accounts import AdAccount
    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.campaign_associations import CampaignAssociation
    from airflow_provider_linkedin_capi.api.campaigns import Campaign
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule
    from airflow_provider_linkedin_capi.api.insight_tag_domains import InsightTagDomain
    from airflow_provider_linkedin_capi.api.insight_tag_permissions import InsightTagPermission
    from airflow_provider_linkedin_capi.api.insight_tags import InsightTag
    from airflow_provider_linkedin_capi.api.paging import Page
    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows
    from airflow_provider_linkedin_capi.reports.diagnosis import Finding
    from airflow_provider_linkedin_capi.reports.report import Report
    from airflow_provider_linkedin_capi.reports.request import ReportRequest

T = TypeVar("T")


@dataclass(slots=True)
class SentEvents:
    """What became of events that a task made itself.

    :param summary: the figures; a row is an event.
    :param rejected: by position among the events, those that LinkedIn refused, and why.
    :param held: likewise, those whose outcome is unknown and that were not sent again.
    """

    summary: Summary = field(default_factory=Summary)
    rejected: dict[int, Reason] = field(default_factory=dict)
    held: dict[int, Reason] = field(default_factory=dict)

    def open(self, delivery: DeliveryInfo) -> None:
        """Do nothing: there is nothing to prepare."""

    def write(self, batch: BatchOutcome) -> None:
        """Note the outcomes of one batch."""
        for found, reasons in ((self.rejected, batch.rejected), (self.held, batch.held)):
            found.update((batch.first_position + index, reason) for index, reason in reasons.items())

    def close(self, completed: bool) -> None:
        """Do nothing: everything is noted."""


class LinkedInConversionsHook(OfflineConversionsMixin, HttpHook):
    """Carries calls to LinkedIn's Marketing API for one connection of type ``linkedin_capi``.

    Built on the HTTP provider's hook: proxies, time-outs and TLS settings of the connection work as there. Unlike
    there, a key of the connection's Extra never becomes a request header, and client id and secret are not sent as
    basic authentication. Several threads may use one hook: each has its own session without a cookie jar, and a 401
    requests one token for all of them.

    Public API: all of its methods.

    .. code-block:: python

        hook = LinkedInConversionsHook("linkedin_capi_default")
        for rule in hook.find_conversion_rules():
            print(rule.id, rule.name, rule.enabled)

    :param linkedin_conn_id: the Airflow connection.
    :param ad_account_id: number or URN of the ad account; wins over the connection's.
    :param api_version: value of ``LinkedIn-Version`` as ``yyyymm``; wins over the connection's.
    """

    conn_name_attr = "linkedin_conn_id"
    default_conn_name = "linkedin_capi_default"
    conn_type = "linkedin_capi"
    hook_name = "LinkedIn Conversions API"
    default_host = connection_settings.DEFAULT_BASE_URL

    def __init__(
        self,
        linkedin_conn_id: str = default_conn_name,
        *,
        ad_account_id: int | str | None = None,
        api_version: str | None = None,
    ) -> None:
        super().__init__(http_conn_id=linkedin_conn_id)
        self.linkedin_conn_id = linkedin_conn_id
        self._ad_account_id = ad_account_id
        self._api_version = api_version
        self._per_thread = threading.local()
        self._patient = True
        self._any_thread = False

    @cached_property
    def settings(self) -> connection_settings.ConnectionSettings:
        """The connection, read once."""
        settings = connection_settings.from_connection(
            self.get_connection(self.linkedin_conn_id),
            ad_account_id=self._ad_account_id,
            api_version=self._api_version,
        )
        self.base_url = settings.base_url
        if warning := connection_settings.version_warning(settings.api_version, dt.datetime.now(dt.UTC).date()):
            self.log.warning("%s", warning)
        return settings

    @cached_property
    def tokens(self) -> TokenSource:
        """Where the access token comes from."""
        owner = None if self._any_thread else threading.get_ident()
        return TokenSource(self.settings, lambda call: call.result(self.send(call)), owner=owner)

    @property
    def ad_account(self) -> str:
        """URN of the ad account that the hook was given, or the connection names.

        :raises ConnectionSettingsError: neither does.
        """
        if (account := self.settings.ad_account) is None:
            raise exceptions.ConnectionSettingsError(
                f"No ad account: pass ad_account_id, or set it in connection {self.linkedin_conn_id!r}."
            )
        return account

    @property
    def api_version(self) -> str:
        """The value of ``LinkedIn-Version``."""
        return self.settings.api_version

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """Return this thread's session, set up from the connection. It adds no bearer token: :meth:`send` does."""
        session: requests.Session | None = getattr(self._per_thread, "session", None)
        if session is None:
            session = self._per_thread.session = transport.new_session(self.settings)
        if headers:
            session.headers.update(headers)
        return session

    def run(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: the HTTP provider's ``run`` would send neither LinkedIn's token nor its headers."""
        raise NotImplementedError(
            "LinkedInConversionsHook has no run(); use one of its methods, or hook.call(...) with a call of "
            "airflow_provider_linkedin_capi.api, such as restli.call(...)"
        )

    def send(self, call: Call[Any]) -> Reply:
        """Make one attempt at a call and return whatever was answered.

        :raises NotSentError: no connection could be made, or no access token was available.
        :raises CredentialsError: the token service refused to give one.
        :raises OutcomeUnknownError: the connection broke after the request left, or the answer did not arrive whole
            in time.
        """
        session = self.get_conn()
        base, headers, token = self.settings.oauth_base_url, dict(call.headers), None
        if call.origin == "api":
            base = self.settings.base_url
            headers = {VERSION_HEADER: self.api_version, **headers}
            token = self._per_thread.token = self.tokens.current()
        try:
            request = session.prepare_request(
                requests.Request(call.method, base + call.target, headers, data=call.body, auth=transport.Bearer(token))
            )
            response = session.send(
                request,
                timeout=self.settings.timeout,
                allow_redirects=False,
                **transport.route(session, base),
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise transport.transport_error(call, error) from None
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)

    def refresh(self, error: exceptions.CredentialsError) -> None:
        """Give up the access token after a 401 of this thread; the next attempt requests one, for all threads.

        :raises CredentialsError: the connection has no way to request one.
        """
        try:
            self.tokens.discard(getattr(self._per_thread, "token", None))
        except exceptions.CredentialsError as refusal:
            raise refusal from error

    def housekeeping(self) -> None:
        """Do what only the task's own thread may do: read and keep rotated refresh tokens in Airflow's Variables.

        Call it now and then on the thread that made the hook, while other threads send.
        """
        self.tokens.housekeeping()

    def call(self, call: Call[T]) -> T:
        """Carry out a call, with the retries that :mod:`~airflow_provider_linkedin_capi.api.retry` decides.

        :raises LinkedInError: LinkedIn refused, or could not be reached.
        """
        attempts = retry.Attempts(call)
        while True:
            try:
                return call.result(self.send(call))
            except exceptions.LinkedInError as error:
                match attempts.after(error):
                    case retry.Wait(seconds) if self._patient:
                        self.log.warning("%s; retrying in %.1f s (attempt %d)", error, seconds, attempts.made + 1)
                        time.sleep(seconds)
                    case retry.Refresh() if isinstance(error, exceptions.CredentialsError):
                        self.refresh(error)
                    case _:
                        raise

    def paginate(self, call: Call[Page[T]]) -> Iterator[T]:
        """Yield the elements of all pages, from the given one on."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = self.call(following)
            yield from page.elements
            following = page.next

    def test_connection(self) -> tuple[bool, str]:
        """Check token, API version and the member's role in the ad account; say which of them is wrong."""
        self._patient = False  # somebody waits at the button
        try:
            settings = self.settings
            users = list(self.paginate(account_users.of_authenticated_member()))
        except (exceptions.LinkedInError, exceptions.ConnectionSettingsError) as error:
            return False, diagnosis.of_failed_test(error, self.linkedin_conn_id)
        return diagnosis.of_roles(users, settings)

    def diagnose_refusal(self, error: exceptions.LinkedInError) -> str:
        """Say which of token, role, ad account, scope and product a 403 or 404 is about, by testing the connection."""
        if (missing := diagnosis.of_missing_product(error)) is not None:
            return missing
        works, message = self.test_connection()
        return diagnosis.of_refusal(error, self.ad_account) if works else message

    # Ad account and campaigns

    def get_ad_account(self) -> AdAccount:
        """Return the hook's ad account, e.g. for its currency. Needs the scope ``r_ads``."""
        return self.call(ad_accounts.get(self.ad_account))

    def find_campaigns(
        self,
        *,
        status: Sequence[str] | None = None,
        campaign_group: Iterable[int | str] | None = None,
        ids: Iterable[int | str] | None = None,
    ) -> Iterator[Campaign]:
        """Yield the account's campaigns from all pages, of every status unless some are given."""
        yield from self.paginate(
            campaigns.search(self.ad_account, status=status, campaign_group=campaign_group, ids=ids)
        )

    def get_campaign_associations(
        self, rule: int | str, campaigns: Iterable[int | str]
    ) -> BatchResult[tuple[str, str], CampaignAssociation]:
        """Return which of some campaigns are associated with a rule; the error of each other is a 404."""
        pairs = [(campaign, rule) for campaign in campaigns]
        return self.call(campaign_associations.batch_get(pairs))

    def associate_campaigns(
        self, rule: int | str, campaigns: Iterable[int | str]
    ) -> BatchResult[tuple[str, str], None]:
        """Associate campaigns with a rule in one request; results and errors by (campaign URN, rule URN)."""
        pairs = [(campaign, rule) for campaign in campaigns]
        return self.call(campaign_associations.batch_put(pairs))

    def dissociate_campaigns(
        self, rule: int | str, campaigns: Iterable[int | str]
    ) -> BatchResult[tuple[str, str], None]:
        """End associations of campaigns with a rule in one request; results and errors by (campaign URN, rule URN)."""
        pairs = [(campaign, rule) for campaign in campaigns]
        return self.call(campaign_associations.batch_delete(pairs))

    # Conversion rules

    def create_conversion_rule(self, rule: Mapping[str, Any], *, auto_association: str | None = None) -> ConversionRule:
        """Create a rule. Not repeated after a lost answer, since names are not unique.

        :param rule: fields as on the wire, without the account.
        :param auto_association: ``ALL_CAMPAIGNS``, ``OBJECTIVE_BASED`` or None.
        """
        body = {**rule, "account": self.ad_account}
        return self.call(conversion_rules.create(body, self.api_version, auto_association=auto_association))

    def get_conversion_rule(self, rule: int | str) -> ConversionRule:
        """Return one rule by id or URN."""
        return self.call(conversion_rules.get(self.ad_account, rule))

    def find_conversion_rules(self, *, name: str | None = None, method: str | None = None) -> Iterator[ConversionRule]:
        """Yield the account's own rules from all pages, of every kind unless a method is given.

        :param name: only rules with exactly this name, but for spaces around it; there may be several.
        :param method: only rules of this conversion method, e.g. ``CONVERSIONS_API``.
        """
        for rule in self.paginate(conversion_rules.find(self.ad_account)):
            if name in (None, rule.name, rule.name.strip()) and method in (None, rule.conversion_method):
                yield rule

    def update_conversion_rule(self, rule: int | str, changes: Mapping[str, Any]) -> None:
        """Change some fields of a rule, e.g. ``{"enabled": False}``. LinkedIn knows no deletion."""
        self.call(conversion_rules.update(self.ad_account, rule, changes, self.api_version))

    def batch_create_conversion_rules(self, rules: Sequence[Mapping[str, Any]]) -> BatchResult[int, ConversionRule]:
        """Create up to 100 rules; results and errors by position."""
        bodies = [{**rule, "account": self.ad_account} for rule in rules]
        return self.call(conversion_rules.batch_create(bodies, self.api_version))

    def batch_get_conversion_rules(self, rules: Iterable[int | str]) -> BatchResult[str, ConversionRule]:
        """Return rules by id or URN; results and errors by URN."""
        return self.call(conversion_rules.batch_get(self.ad_account, list(rules)))

    def batch_update_conversion_rules(self, changes: Mapping[int | str, Mapping[str, Any]]) -> BatchResult[str, None]:
        """Change some fields of several rules; results and errors by URN."""
        return self.call(conversion_rules.batch_update(self.ad_account, changes, self.api_version))

    def resolve_conversion_rules(
        self,
        value: references.RuleReferences,
        *,
        method: str | None = references.CONVERSIONS_API,
    ) -> str | dict[str, str]:
        """Return the URN of a rule given by id, URN or name, or a mapping of URNs for a mapping.

        Ids and URNs cost no request; all names of one call together cost one listing of the account's rules.
        Text of digits is an id; a name of digits, or with ``=`` in it, is written ``name:2024``. Names are
        compared exactly, but for spaces around them.

        :param value: ``22285180``, ``"urn:lla:llaPartnerConversion:22285180"``, ``"CRM purchase"``,
            ``{"LEAD": 22285180, "PURCHASE": "CRM purchase"}``, or the latter as text
            ``"LEAD=22285180,PURCHASE=CRM purchase"``.
        :param method: the conversion method that a rule given by name has to have; None when any will do.
        :raises RuleReferenceError: a name stands for no rule, or for several.
        :raises ConfigurationError: an id or URN that no rule can have.
        """
        parsed = references.parse(value)
        if isinstance(parsed, dict):
            return self._urns(parsed, method)
        return self._urns({"": parsed}, method)[""]

    def resolve_conversion_rule(
        self, value: references.RuleReference, *, method: str | None = references.CONVERSIONS_API
    ) -> str:
        """Return the URN of one rule given by id, URN or name; see :meth:`resolve_conversion_rules`."""
        parsed = references.parse(value)
        if isinstance(parsed, dict):
            raise exceptions.RuleReferenceError(f"give one conversion rule, not several: {value!r}")
        return self._urns({"": parsed}, method)[""]

    def _urns(self, by_type: Mapping[str, references.RuleReference], method: str | None) -> dict[str, str]:
        rules: list[ConversionRule] = []
        resolved: dict[str, str] = {}
        for kind, reference in by_type.items():
            urn = references.as_urn(reference)
            if urn is None:
                rules = rules or list(self.find_conversion_rules())
                rule = references.choose(rules, reference, account=self.ad_account, method=method)
                urn = rule.urn
                self.log.info("Conversion rule %r is %s", rule.name, urn)
                if not rule.enabled:
                    self.log.warning("Conversion rule %r (%s) is disabled: LinkedIn refuses its events", rule.name, urn)
            resolved[kind] = urn
        return resolved

    # Conversion events

    def send_conversion_event(self, event: ConversionEvent) -> None:
        """Send one event. Not repeated after a lost answer, since LinkedIn does not promise to drop the second one.

        :raises InvalidRequestError: LinkedIn refused it.
        :raises OutcomeUnknownError: LinkedIn may or may not have stored it.
        """
        from airflow_provider_linkedin_capi.events.model import encode_event

        self.call(conversion_events.create(encode_event(event), idempotent=False))

    def send_conversion_events(
        self,
        events: Iterable[ConversionEvent],
        *,
        batch_size: int = limits.MAX_EVENTS_PER_BATCH,
        max_in_flight: int = 8,
        on_unknown_outcome: Literal["resend", "hold"] = "resend",
    ) -> SentEvents:
        """Send any number of events in batches; a refused event does not hold up the others.

        Nothing is remembered from one call to the next, so a task that is retried sends everything again:
        :class:`~airflow_provider_linkedin_capi.operators.stream_conversions.StreamConversionsOperator` does not.

        .. code-block:: python

            sent = hook.send_conversion_events(make_event(order) for order in orders)
            for position, reason in sent.rejected.items():
                log.warning("Order %s was refused: %s %s", position, reason.field, reason.code)

        :param batch_size: events in one request, at most 5,000.
        :param max_in_flight: requests that wait for their answers at once.
        :param on_unknown_outcome: send a batch again when LinkedIn may have stored it, or hold it.
        :raises DeliveryStoppedError: LinkedIn refuses something that is not one event's fault, or does not answer.
        """
        from airflow_provider_linkedin_capi.delivery import Delivery

        settings = DeliverySettings(
            batch_size=batch_size,
            max_in_flight=max_in_flight,
            on_unknown_outcome=on_unknown_outcome,
        )
        sent = SentEvents()
        delivery = Delivery(self, settings, sinks=[sent])
        sent.summary = delivery.run(_ReadyMadeEvents(events), lambda columns, now_ms: _ReadyMade())
        return sent

    # Insight Tags: reading needs the scope r_ads, everything else rw_ads and FULL access to the tag

    def find_insight_tag(self) -> InsightTag | None:
        """Return the account's tag; it has one at most."""
        return next(self.paginate(insight_tags.find(self.ad_account)), None)

    def get_insight_tag(self, tag: int | str) -> InsightTag:
        """Return a tag by id or URN."""
        return self.call(insight_tags.get(tag))

    def create_insight_tag(self) -> InsightTag:
        """Create the account's tag. Not repeated after a lost answer; find it instead."""
        return self.call(insight_tags.create(self.ad_account))

    def set_first_party_tracking(self, tag: int | str, enabled: bool) -> None:
        """Allow or forbid first-party cookies, for every account that shares the tag."""
        self.call(insight_tags.update(tag, first_party_tracking=enabled))

    def find_insight_tag_permission(self, account: int | str | None = None) -> InsightTagPermission | None:
        """Return which tag an account (the hook's when None) may use, and in which role."""
        account = self.ad_account if account is None else account
        return next(self.paginate(insight_tag_permissions.find(account)), None)

    def grant_insight_tag_access(self, tag: int | str, target: int | str, *, role: str) -> None:
        """Let the hook's account give another one, which has no tag, ``FULL`` or ``USE_ONLY`` access to a tag."""
        self.call(insight_tag_permissions.grant(self.ad_account, tag, target, role=role))

    def revoke_insight_tag_access(self, tag: int | str, target: int | str) -> None:
        """Let the hook's account end the access of an account, itself included, to a tag."""
        self.call(insight_tag_permissions.revoke(self.ad_account, tag, target))

    def find_insight_tag_domains(self, *, domain: str | None = None) -> Iterator[InsightTagDomain]:
        """Yield the domains on which the account's tag was seen, newest first; or the one with a name."""
        yield from self.paginate(insight_tag_domains.find(self.ad_account, domain=domain))

    def get_insight_tag_domain(self, domain: str) -> InsightTagDomain:
        """Return one domain."""
        return self.call(insight_tag_domains.get(self.ad_account, domain))

    def batch_get_insight_tag_domains(self, domains: Iterable[str]) -> BatchResult[str, InsightTagDomain]:
        """Return several domains; results and errors by name."""
        return self.call(insight_tag_domains.batch_get(self.ad_account, domains))

    def block_insight_tag_domain(self, domain: str) -> None:
        """Stop a domain from feeding conversions, audiences and demographics."""
        self.call(insight_tag_domains.update(self.ad_account, domain, blocked=True))

    def allow_insight_tag_domain(self, domain: str) -> None:
        """Let a blocked domain feed conversions, audiences and demographics again."""
        self.call(insight_tag_domains.update(self.ad_account, domain, blocked=False))

    def batch_update_insight_tag_domains(self, blocked: Mapping[str, bool]) -> BatchResult[str, None]:
        """Block (True) and allow (False) several domains in one request; results and errors by name."""
        return self.call(insight_tag_domains.batch_update(self.ad_account, blocked))

    def find_path_to_conversion(self, order_id: str) -> Iterator[dict[str, Any]]:
        """Yield the impressions and clicks of up to 90 days that led to an order, as LinkedIn sends them.

        Of this query LinkedIn documents only that it exists; see
        :mod:`~airflow_provider_linkedin_capi.api.path_to_conversion` for what is inferred.
        """
        yield from self.paginate(path_to_conversion.find(self.ad_account, order_id))

    # Reports

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
        return plan.run(report_plan.report_plan(asked), self.call)

    def diagnose_report(self, asked: ReportRequest) -> Finding | None:
        """Return why a report is empty; None when LinkedIn may just not have attributed anything yet."""
        return plan.run(report_diagnosis.diagnose(asked), self.call)


class _ReadyMade:
    """Takes events for rows."""

    key_column: int | None = None

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        from airflow_provider_linkedin_capi.events.model import MappedRows

        return MappedRows([event for (event,) in rows], list(range(len(rows))), [], [])


class _ReadyMadeEvents:
    """A source whose rows hold one event each."""

    def __init__(self, events: Iterable[ConversionEvent]) -> None:
        self._events = iter(events)

    def chunks(self, size: int) -> Iterator[Chunk]:
        while rows := [(event,) for event in islice(self._events, size)]:
            yield Chunk(("event",), rows)
