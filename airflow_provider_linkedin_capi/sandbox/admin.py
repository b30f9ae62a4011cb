"""``/admin``: the state and how to change it, as JSON; and a page for people at ``/``.

``GET /admin/state`` sums up; ``GET /admin/requests``, ``/admin/events`` and ``/admin/faults`` list. ``POST
/admin/<lever>`` calls a method of :class:`~.world.World` with the JSON members as arguments, see ``LEVERS``.
``PATCH /admin/settings`` changes :class:`~.settings.Settings`, ``POST /admin/clock`` moves the clock,
``DELETE /admin/faults`` ends all faults, ``POST /admin/reset`` starts afresh.
"""

from __future__ import annotations

import datetime as dt
import html
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.sandbox import answers, attribution
from airflow_provider_linkedin_capi.sandbox.settings import Settings
from airflow_provider_linkedin_capi.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import Raw

LEVERS: dict[str, Callable[..., Any]] = {
    "accounts": World.add_account,
    "associations": World.associate,
    "browser-hits": World.browser_hit,
    "campaigns": World.add_campaign,
    "clients": World.add_client,
    "domains": World.add_domain,
    "order-paths": World.add_order_path,
    "roles": World.set_role,
    "rules": World.add_rule,
    "tokens": World.add_token,
}

_SHOWN_EVENTS = 100

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Local LinkedIn</title><style>
body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;margin:.5rem 0 1.5rem}}td,th{{border-bottom:1px solid #ccc;padding:.2rem .8rem;
text-align:left}}td.n{{text-align:right}}</style></head><body><h1>Local LinkedIn</h1>
<p>{events} conversion events accepted, {distinct_events} different ones, {duplicates} repeats;
{attributed} attributed. It is {now} here.</p>
<h2>Conversion rules</h2>{rules}<h2>Requests</h2>{requests}<h2>Last refusals</h2>{refusals}</body></html>"""


def answer(world: World, raw: Raw) -> Answer:
    """Answer a request outside LinkedIn's own paths."""
    lever = raw.path.removeprefix("/admin/")
    match raw.method, raw.path:
        case "GET", "/":
            return answers.Answer(200, _page(world).encode(), {"Content-Type": "text/html; charset=utf-8"})
        case "GET", "/admin/state":
            return answers.as_json(200, _state(world))
        case "GET", "/admin/requests":
            return answers.as_json(200, [_request_line(request) for request in world.requests])
        case "GET", "/admin/events":
            return answers.as_json(200, world.events[-_SHOWN_EVENTS:])
        case "GET", "/admin/faults":
            return answers.as_json(200, list(world.faults))
        case "POST", "/admin/faults":
            return _called(lambda **details: world.faults.add(**details), raw)
        case "DELETE", "/admin/faults":
            world.faults.clear()
        case "POST", "/admin/clock":
            _called(lambda **move: _move_clock(world, **move), raw)
        case "POST", "/admin/reset":
            world.reset()
        case "PATCH", "/admin/settings":
            return _called(lambda **changes: _set(world.settings, changes), raw)
        case "POST", _ if lever in LEVERS:
            return _called(lambda **arguments: LEVERS[lever](world, **arguments), raw)
        case _:
            raise answers.gateway(404, "RESOURCE_NOT_FOUND", "No virtual resource found")
    return answers.as_json(200, {"now": _now(world)})


def _called(lever: Callable[..., Any], raw: Raw) -> Answer:
    """Call a lever with the members of the body."""
    try:
        arguments = msgspec.json.decode(raw.body or b"{}", type=dict[str, Any])
        return answers.as_json(200, {"result": lever(**arguments)})
    except (TypeError, ValueError, KeyError, msgspec.MsgspecError) as error:
        raise answers.short(400, str(error)) from None


def _set(settings: Settings, changes: dict[str, Any]) -> Settings:
    current = {**msgspec.to_builtins(settings), **changes}
    changed = msgspec.convert(current, Settings)
    for name in changes:
        setattr(settings, name, getattr(changed, name))
    return settings


def _move_clock(world: World, *, advance_seconds: float = 0.0, now: str | None = None) -> None:
    if now is not None:
        world.clock.set(dt.datetime.fromisoformat(now))
    world.clock.advance(advance_seconds)


def _now(world: World) -> str:
    return dt.datetime.fromtimestamp(world.clock.now(), dt.UTC).isoformat(timespec="seconds")


def _state(world: World) -> dict[str, Any]:
    received = world.events_by_rule()
    attributed: Counter[int] = Counter()
    for group in attribution.groups(world):
        attributed[group.rule] += group.conversions
    return {
        "now": _now(world),
        "events": world.event_count(),
        "distinct_events": world.distinct_events(),
        "duplicates": world.duplicates(),
        "attributed": attributed.total(),
        "rules": [
            {
                "id": number,
                "name": rule["name"],
                "type": rule["type"],
                "method": rule["conversionMethod"],
                "enabled": rule["enabled"],
                "campaigns": sum(number in rules for rules in world.entities.associations.values()),
                "events": received.get(number, 0),
                "attributed": attributed[number],
            }
            for number, rule in world.rules.items()
        ],
        "requests": [
            {"request": name, "status": status, "count": count}
            for (name, status), count in sorted(
                Counter((request.restli_method or request.path, request.status) for request in world.requests).items(),
                key=str,
            )
        ],
        "refusals": [
            {"request": name, "status": status, "message": message}
            for name, status, message in world.request_log.refusals
        ],
        "settings": msgspec.to_builtins(world.settings),
    }


def _request_line(request: Any) -> dict[str, Any]:
    return {
        "request": request.restli_method or request.path,
        "method": request.method,
        "received_at": request.received_at,
        "status": request.status,
    }


def _page(world: World) -> str:
    state = _state(world)
    parts = {name: _table(state.pop(name)) for name in ("rules", "requests", "refusals")}
    return _PAGE.format(**{name: html.escape(str(value)) for name, value in state.items()}, **parts)


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>None yet.</p>"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    number = isinstance(value, int) and not isinstance(value, bool)
    return f"<td{' class=n' if number else ''}>{html.escape(str(value))}</td>"
