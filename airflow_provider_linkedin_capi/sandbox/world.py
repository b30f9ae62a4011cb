"""The state of the local LinkedIn: what tests set up before and inspect afterwards."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.sandbox import attribution, samples
from airflow_provider_linkedin_capi.sandbox.clock import Clock
from airflow_provider_linkedin_capi.sandbox.entities import (
    ACCOUNT_PREFIX,
    ALL_SCOPES,
    CAMPAIGN_GROUP_PREFIX,
    DAY_SECONDS,
    RULE_PREFIX,
    Client,
    Domain,
    Entities,
    Token,
)
from airflow_provider_linkedin_capi.sandbox.faults import Faults
from airflow_provider_linkedin_capi.sandbox.request_log import RequestLog
from airflow_provider_linkedin_capi.sandbox.samples import ACCOUNT, CLIENT_ID, MEMBER, TOKEN
from airflow_provider_linkedin_capi.sandbox.settings import Settings
from airflow_provider_linkedin_capi.sandbox.store import CAPI, INSIGHT_TAG, Store
from airflow_provider_linkedin_capi.sandbox.throttle import Throttle

if TYPE_CHECKING:
    import datetime as dt
    from collections import deque
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_linkedin_capi.sandbox.request_log import Request


@dataclass
class World:
    """Everything that the server knows. All methods may be called while it serves. Public API: all of them.

    :param state: SQLite file that keeps events, rules, tokens and the rest over restarts; None keeps them
        in memory.
    :param settings: the switches.
    :param keep_bodies: whether the log of requests keeps bodies and headers (they hold personal data and tokens).
    """

    state: str | Path | None = None
    settings: Settings = field(default_factory=Settings)
    keep_bodies: bool = True

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.throttle = Throttle(self.clock, self.settings)
        self.request_log = RequestLog(self.keep_bodies)
        self._lock = threading.RLock()
        self._in_transaction = False
        self._store = Store(self.state)
        document = self._store.load("entities")
        if document is None:
            self.entities = Entities()
            self._seed()
        else:
            self.entities = msgspec.json.decode(document, type=Entities)
            self.clock.offset_seconds = self.entities.clock_offset_seconds

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        """One request's or one call's reads and writes, all or none of them kept."""
        with self._lock:
            if self._in_transaction:
                yield self._store
                return
            self._in_transaction = True
            try:
                yield self._store
                if self.state is not None:
                    self.entities.clock_offset_seconds = self.clock.offset_seconds
                    self._store.save("entities", msgspec.json.encode(self.entities))
                self._store.commit()
            except BaseException:
                self._store.rollback()
                raise
            finally:
                self._in_transaction = False

    def reset(self) -> None:
        """Forget everything and start with the sample account again; settings stay as they are."""
        with self.transaction() as store:
            store.query("DELETE FROM event")
            self.entities = Entities()
            self._seed()
            self.clock.offset_seconds = 0.0
            self.request_log.clear()
            self.faults.clear()
            self.throttle.clear()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._store.close()

    def _seed(self) -> None:
        """Add the sample account with its member, tokens and campaigns."""
        self.add_client(CLIENT_ID, samples.CLIENT_SECRET)
        self.add_account(ACCOUNT)
        self.add_token(TOKEN)
        self.add_token(samples.REFRESH_TOKEN, lifetime_seconds=365 * DAY_SECONDS, refresh=True)
        for campaign, name, status in samples.CAMPAIGNS:
            self.add_campaign(campaign, name=name, status=status)

    # Set-up

    def new_id(self) -> int:
        """A fresh id."""
        with self._lock:
            self.entities.next_id += 1
            return self.entities.next_id

    def add_account(
        self,
        account: int | None = None,
        *,
        name: str = "Example",
        currency: str = "USD",
        member: str | None = MEMBER,
        role: str = "ACCOUNT_MANAGER",
        **fields: Any,
    ) -> int:
        """Add an ad account in which the member has a role; ``member=None`` makes it a foreign one."""
        with self.transaction():
            account = self.new_id() if account is None else account
            self.entities.accounts[account] = {
                "id": account,
                "name": name,
                "currency": currency,
                "type": "BUSINESS",
                "status": "ACTIVE",
                "test": False,
                "servingStatuses": ["RUNNABLE"],
                "changeAuditStamps": {
                    "created": {"time": self.clock.now_ms()},
                    "lastModified": {"time": self.clock.now_ms()},
                },
                "version": {"versionTag": "1"},
                **fields,
            }
            if member is not None:
                self.set_role(role, account, member=member)
            return account

    def set_role(self, role: str | None, account: int = ACCOUNT, *, member: str = MEMBER) -> None:
        """Give a member a role in an account; None takes it away."""
        with self.transaction():
            roles = self.entities.roles.setdefault(member, {})
            if role is None:
                roles.pop(account, None)
            else:
                roles[account] = role

    def add_campaign(
        self,
        campaign: int | None = None,
        *,
        account: int = ACCOUNT,
        name: str | None = None,
        status: str = "ACTIVE",
        objective: str = "WEBSITE_CONVERSION",
        group: int = 611,
        **fields: Any,
    ) -> int:
        """Add a campaign and return its id."""
        with self.transaction():
            campaign = self.new_id() if campaign is None else campaign
            self.entities.campaigns[campaign] = {
                "id": campaign,
                "name": name or f"Campaign {campaign}",
                "account": f"{ACCOUNT_PREFIX}:{account}",
                "campaignGroup": f"{CAMPAIGN_GROUP_PREFIX}:{group}",
                "status": status,
                "type": "SPONSORED_UPDATES",
                "objectiveType": objective,
                "costType": "CPM",
                "servingStatuses": ["RUNNABLE"] if status == "ACTIVE" else ["STOPPED"],
                "test": False,
                **fields,
            }
            return campaign

    def add_rule(
        self,
        rule: int | None = None,
        *,
        account: int = ACCOUNT,
        name: str | None = None,
        type: str = "LEAD",
        method: str = "CONVERSIONS_API",
        campaigns: tuple[int, ...] | list[int] = (),
        **fields: Any,
    ) -> int:
        """Add a conversion rule, associated with campaigns, and return its id."""
        with self.transaction():
            rule = self.new_id() if rule is None else rule
            self.entities.rules[rule] = {
                "id": rule,
                "name": name or f"Rule {rule}",
                "account": f"{ACCOUNT_PREFIX}:{account}",
                "conversionMethod": method,
                "type": type,
                "postClickAttributionWindowSize": 30,
                "viewThroughAttributionWindowSize": 7,
                "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
                "valueType": "DYNAMIC",
                "enabled": True,
                "created": self.clock.now_ms(),
                "lastModified": self.clock.now_ms(),
                "urlRules": [],
                **fields,
            }
            for campaign in campaigns:
                self.associate(campaign, rule)
            return rule

    def associate(self, campaign: int, rule: int) -> None:
        """Associate a campaign with a rule; doing so again changes nothing."""
        with self.transaction():
            self.entities.associations.setdefault(campaign, {}).setdefault(rule, self.clock.now_ms())

    def add_client(self, client_id: str, secret: str, *, rotates: bool = False) -> None:
        """Add an application."""
        with self.transaction():
            self.entities.clients[client_id] = Client(secret, rotates)

    def add_token(
        self,
        token: str,
        *,
        member: str = MEMBER,
        scopes: tuple[str, ...] | list[str] = ALL_SCOPES,
        client: str | None = CLIENT_ID,
        lifetime_seconds: float | None = 60 * DAY_SECONDS,
        status: str = "active",
        refresh: bool = False,
    ) -> None:
        """Add or replace an access token, or with ``refresh`` a refresh token.

        :param lifetime_seconds: negative for one that has expired, None for one that never does.
        :param status: ``active``, ``revoked`` or ``restricted``.
        """
        with self.transaction():
            now = self.clock.now()
            expires_at = None if lifetime_seconds is None else now + lifetime_seconds
            table = self.entities.refresh_tokens if refresh else self.entities.tokens
            table[token] = Token(member, list(scopes), client, now, expires_at, status)

    def expire_token(self, token: str = TOKEN) -> None:
        """End a token's life now."""
        with self.transaction():
            self.entities.tokens[token].expires_at = self.clock.now()

    def revoke_token(self, token: str = TOKEN) -> None:
        """Revoke a token."""
        with self.transaction():
            self.entities.tokens[token].status = "revoked"

    def add_domain(self, tag: int, name: str, *, blocked: bool = False) -> None:
        """Let an Insight Tag be seen on a site."""
        with self.transaction():
            now = self.clock.now_ms()
            self.entities.domains.append(Domain(tag, name, now, now, blocked))

    def add_order_path(self, order_id: str, path: list[dict[str, Any]], *, account: int = ACCOUNT) -> None:
        """Let impressions and clicks have led to an order."""
        with self.transaction():
            self.entities.order_paths.setdefault(account, {})[order_id] = path

    def browser_hit(
        self, rule: int, *, event_id: str | None = None, happened_at: int | None = None, value: str = "0"
    ) -> None:
        """Let the Insight Tag report a conversion; an API event with the same event id then counts no more."""
        with self.transaction() as store:
            event = {
                "conversion": f"{RULE_PREFIX}:{rule}",
                "conversionHappenedAt": happened_at or self.clock.now_ms(),
                "conversionValue": {"currencyCode": "USD", "amount": value},
                **({"eventId": event_id} if event_id else {}),
            }
            store.add([attribution.receiver(self, INSIGHT_TAG)(event)])

    # Inspection

    @property
    def requests(self) -> deque[Request]:
        """The requests that came, oldest first."""
        return self.request_log.requests

    @property
    def rules(self) -> dict[int, dict[str, Any]]:
        """Conversion rules by id."""
        return self.entities.rules

    @property
    def associations(self) -> set[tuple[int, int]]:
        """The associated pairs of campaign id and rule id."""
        with self._lock:
            pairs = self.entities.associations.items()
            return {(campaign, rule) for campaign, rules in pairs for rule in rules}

    @property
    def events(self) -> list[Any]:
        """The conversion events accepted so far, as they came, oldest first."""
        with self._lock:
            return list(self._store.bodies())

    def events_by_rule(self) -> dict[int, int]:
        """How many conversion events each rule received, repeats included."""
        with self._lock:
            return dict(self._store.query("SELECT rule, COUNT(*) FROM event WHERE source = ? GROUP BY rule", (CAPI,)))

    def event_count(self) -> int:
        """How many conversion events were accepted, repeats included."""
        return self._count("SELECT COUNT(*) FROM event WHERE source = ?")

    def distinct_events(self) -> int:
        """How many different conversion events were accepted."""
        return self._count("SELECT COUNT(DISTINCT digest) FROM event WHERE source = ?")

    def duplicates(self) -> int:
        """How many accepted conversion events were repeats of an earlier one with the same contents."""
        return self.event_count() - self.distinct_events()

    def attributed_totals(
        self,
        *,
        rule: int | None = None,
        campaign: int | None = None,
        start: dt.date | None = None,
        end: dt.date | None = None,
    ) -> attribution.Totals:
        """What reports show now for the selection; days are inclusive and in UTC."""
        return attribution.totals(self, rule=rule, campaign=campaign, start=start, end=end)

    def _count(self, statement: str) -> int:
        with self._lock:
            count: int = self._store.query(statement, (CAPI,)).fetchone()[0]
            return count
