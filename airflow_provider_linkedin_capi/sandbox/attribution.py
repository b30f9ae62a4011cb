"""Which ad earned which event, decided by a hash of the event: the same events give the same report anywhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from airflow_provider_linkedin_capi.sandbox.entities import id_of
from airflow_provider_linkedin_capi.sandbox.store import Received

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from airflow_provider_linkedin_capi.sandbox.clock import Clock
    from airflow_provider_linkedin_capi.sandbox.entities import Entities
    from airflow_provider_linkedin_capi.sandbox.settings import Settings
    from airflow_provider_linkedin_capi.sandbox.store import Store

DAY_MS = 86_400_000
_EPOCH = dt.date(1970, 1, 1)

#: What one unit is worth in US dollars; a currency that is not here counts as worth nothing.
EXCHANGE_RATES = {"USD": Decimal(1), "EUR": Decimal("1.16"), "GBP": Decimal("1.32"), "CHF": Decimal("1.25")}

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Totals:
    """Attributed conversions of a selection; the value is in the account's currency, exact."""

    conversions: int = 0
    post_click: int = 0
    post_view: int = 0
    value: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Group:
    """Attributed conversions of one day, rule, campaign and kind of touch."""

    day: dt.date
    account: int
    rule: int
    campaign: int
    clicked: bool
    conversions: int
    value: Decimal


class World(Protocol):
    """What attribution needs of :class:`~.world.World`."""

    clock: Clock
    entities: Entities
    settings: Settings

    @property
    def associations(self) -> set[tuple[int, int]]:
        """The associated pairs of campaign id and rule id."""

    def transaction(self) -> AbstractContextManager[Store]:
        """One call's reads and writes, all or none of them kept."""


def receiver(world: World, source: str) -> Callable[[Mapping[str, Any]], Received]:
    """Return a function that makes stored events out of conversion events of known rules."""
    settings = world.settings
    now = world.clock.now_ms()
    matched_below = int(settings.matched_share * 10_000)
    clicked_below = int(settings.click_share * 10_000)
    late_below = int(settings.restated_share * 10_000)
    delay, late = (int(s * 1000) for s in (settings.report_delay_seconds, settings.restated_after_seconds))
    rules: dict[str, tuple[int, int, dict[str, Any], str]] = {}

    def receive(event: Mapping[str, Any]) -> Received:
        urn = event["conversion"]
        if (known := rules.get(urn)) is None:
            rule = world.entities.rules[id_of(urn)]
            account = id_of(rule["account"])
            known = rules[urn] = (rule["id"], account, rule, world.entities.accounts[account]["currency"])
        rule_id, account, rule, currency = known
        body = _encode_sorted(event)
        digest = blake2b(body, digest_size=16).digest()
        draw = int.from_bytes(digest[:12])
        matched, draw = draw % 10_000 < matched_below, draw // 10_000
        clicked, draw = draw % 10_000 < clicked_below, draw // 10_000
        is_late, draw = draw % 10_000 < late_below, draw // 10_000
        # Days between ad and conversion: mostly few, at most forty.
        lag = 40 * ((draw % 1_000) / 1_000) ** 3
        window = rule["postClickAttributionWindowSize" if clicked else "viewThroughAttributionWindowSize"]
        visible_at = now + delay + (late if is_late else 0) if matched and lag <= window else None
        return Received(
            source=source,
            account=account,
            rule=rule_id,
            event_id=event.get("eventId"),
            happened_at=event["conversionHappenedAt"],
            received_at=now,
            digest=digest,
            body=body,
            visible_at=visible_at,
            clicked=clicked,
            value=str(_value(rule, event.get("conversionValue"), currency)),
        )

    return receive


def groups(world: World, *, start: dt.date | None = None, end: dt.date | None = None) -> list[Group]:
    """Return what reports show now, by day (inclusive, UTC), rule, campaign and kind of touch."""
    now = world.clock.now_ms()
    first = (start - _EPOCH).days if start else 0
    last = (end - _EPOCH).days if end else 10**6
    with world.transaction() as store:
        _attribute(world, now)
        rows = store.query(
            f"SELECT happened_at / {DAY_MS}, account, rule, campaign, clicked, COUNT(*), exact_sum(value)"
            " FROM event WHERE campaign IS NOT NULL AND visible_at <= ? AND happened_at >= ? AND happened_at < ?"
            " AND NOT (source = 'CONVERSIONS_API' AND EXISTS (SELECT 1 FROM event AS tag"
            " WHERE tag.source = 'INSIGHT_TAG' AND tag.account = event.account AND tag.event_id = event.event_id))"
            " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
            (now, first * DAY_MS, (last + 1) * DAY_MS),
        ).fetchall()
    return [
        Group(_EPOCH + dt.timedelta(day), account, rule, campaign, bool(clicked), count, Decimal(value))
        for day, account, rule, campaign, clicked, count, value in rows
    ]


def totals(
    world: World,
    *,
    rule: int | None = None,
    campaign: int | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Totals:
    """Sum up what reports show now."""
    chosen = [
        group
        for group in groups(world, start=start, end=end)
        if rule in (None, group.rule) and campaign in (None, group.campaign)
    ]
    clicked = sum(group.conversions for group in chosen if group.clicked)
    conversions = sum(group.conversions for group in chosen)
    value = sum((group.value for group in chosen), Decimal(0))
    return Totals(conversions, clicked, conversions - clicked, value)


def _attribute(world: World, now: int) -> None:
    """Choose a campaign for each event whose time has come and whose rule has campaigns by now."""
    campaigns: dict[int, list[int]] = {}
    for campaign, rule in sorted(world.associations):
        campaigns.setdefault(rule, []).append(campaign)
    with world.transaction() as store:
        waiting = store.query(
            "SELECT number, rule, digest FROM event WHERE campaign IS NULL AND visible_at <= ?", (now,)
        ).fetchall()
        for number, rule, digest in waiting:
            if candidates := campaigns.get(rule):
                campaign = candidates[int.from_bytes(digest[12:]) % len(candidates)]
                store.query("UPDATE event SET campaign = ? WHERE number = ?", (campaign, number))


def _value(rule: Mapping[str, Any], given: Mapping[str, str] | None, currency: str) -> Decimal:
    """The value of an event in the account's currency."""
    kind = rule["valueType"]
    value = rule["value"] if kind == "FIXED" else given if kind == "DYNAMIC" else None
    if value is None:
        return Decimal(0)
    amount = Decimal(value["amount"])
    if value["currencyCode"] != currency:
        rate = EXCHANGE_RATES.get(value["currencyCode"], Decimal(0)) / EXCHANGE_RATES.get(currency, Decimal(1))
        amount = (amount * rate).quantize(Decimal("0.01"))
    return amount
