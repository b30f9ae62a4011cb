"""``/oauth/v2``: access tokens out of refresh tokens, and token introspection."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from airflow_provider_linkedin_capi.sandbox import answers
from airflow_provider_linkedin_capi.sandbox.entities import Client, Token

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import Raw
    from airflow_provider_linkedin_capi.sandbox.world import World


def answer(world: World, raw: Raw) -> Answer:
    """Answer a request below ``/oauth/v2``."""
    handler = {"/oauth/v2/accessToken": _access_token, "/oauth/v2/introspectToken": _introspect}.get(raw.path)
    if handler is None or raw.method != "POST":
        raise _error(404 if handler is None else 405, "invalid_request", "Unknown path or method")
    if raw.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise _error(400, "invalid_request", 'A required parameter "client_id" is missing')
    return handler(world, dict(parse_qsl(raw.body.decode("utf-8", "replace"))))


def _access_token(world: World, form: dict[str, str]) -> Answer:
    for name in ("grant_type", "client_id", "client_secret"):
        if not form.get(name):
            raise _error(400, "invalid_request", f'A required parameter "{name}" is missing')
    client = _client(world, form)
    if form["grant_type"] != "refresh_token":
        raise _error(400, "unsupported_grant_type", f"Grant type {form['grant_type']} is not served here")
    if not form.get("refresh_token"):
        raise _error(400, "invalid_request", 'A required parameter "refresh_token" is missing')
    refresh = world.entities.refresh_tokens.get(form["refresh_token"])
    now = world.clock.now()
    if (
        refresh is None
        or refresh.client != form["client_id"]
        or refresh.status != "active"
        or refresh.expires_at is None
        or refresh.expires_at <= now
    ):
        raise _error(
            400, "invalid_request", "The provided authorization grant or refresh token is invalid, expired or revoked"
        )
    remaining = refresh.expires_at - now
    lifetime = min(world.settings.access_token_seconds, remaining)
    access_text = f"sandbox-access-{secrets.token_urlsafe(24)}"
    refresh_text = form["refresh_token"]
    world.entities.tokens[access_text] = Token(refresh.member, refresh.scopes, form["client_id"], now, now + lifetime)
    if client.rotates:
        del world.entities.refresh_tokens[refresh_text]
        refresh_text = f"sandbox-refresh-{secrets.token_urlsafe(24)}"
        world.entities.refresh_tokens[refresh_text] = refresh
    return answers.as_json(
        200,
        {
            "access_token": access_text,
            "expires_in": int(lifetime),
            "refresh_token": refresh_text,
            "refresh_token_expires_in": int(remaining),
            "scope": ",".join(refresh.scopes),
        },
    )


def _introspect(world: World, form: dict[str, str]) -> Answer:
    _client(world, form, unknown_status=400)
    token = world.entities.tokens.get(form.get("token", "")) or world.entities.refresh_tokens.get(form.get("token", ""))
    if token is None:
        raise _error(400, "invalid_request", "The token is malformed")
    if token.client != form["client_id"]:
        return answers.as_json(200, {"active": False})
    expired = token.expires_at is not None and token.expires_at <= world.clock.now()
    status = "expired" if expired else "active" if token.status == "restricted" else token.status
    return answers.as_json(
        200,
        {
            "active": status == "active",
            "client_id": form["client_id"],
            "authorized_at": int(token.created_at),
            "created_at": int(token.created_at),
            "status": status,
            **({} if token.expires_at is None else {"expires_at": int(token.expires_at)}),
            "scope": ",".join(token.scopes),
            "auth_type": "3L",
        },
    )


def _client(world: World, form: dict[str, str], *, unknown_status: int = 401) -> Client:
    client = world.entities.clients.get(form.get("client_id", ""))
    if client is None:
        raise _error(unknown_status, "invalid_client", "Client authentication failed")
    if not secrets.compare_digest(client.secret.encode(), form.get("client_secret", "").encode()):
        raise _error(401, "invalid_client", "Client authentication failed")
    return client


def _error(status: int, code: str, description: str) -> answers.Refused:
    return answers.Refused(status, {"error": code, "error_description": description})
