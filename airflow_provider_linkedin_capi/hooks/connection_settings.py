"""What a connection of type ``linkedin_capi`` says, checked once."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_linkedin_capi.api import limits, urns
from airflow_provider_linkedin_capi.exceptions import ConnectionSettingsError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_BASE_URL = "https://api.linkedin.com"
DEFAULT_OAUTH_BASE_URL = "https://www.linkedin.com/oauth/v2"
#: Seconds to connect and to wait for the next byte, unless the connection says otherwise.
DEFAULT_TIMEOUT = 60.0
#: What Airflow shows in place of a secret, and hands to a connection test that was sent masked values.
MASKED = "***"

_VERSION = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])(\.[0-9]{2})?\Z")
_VISIBLE = re.compile(r"[!-~]+")
_WARN_BEFORE = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The connection's fields by their meaning; empty ones are None.

    :param base_url: scheme, host and port of the API, without a slash at the end.
    :param oauth_base_url: where ``/accessToken`` is.
    :param proxies: by scheme, as requests takes them.
    :param verify: whether, or with which CA bundle, certificates are checked.
    :param timeout: seconds.
    """

    conn_id: str
    base_url: str
    oauth_base_url: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    ad_account: str | None = None
    api_version: str = limits.DEFAULT_API_VERSION
    keep_rotated_refresh_token: bool = True
    timeout: float = DEFAULT_TIMEOUT
    proxies: dict[str, str] = field(default_factory=dict)
    verify: bool | str = True
    cert: Any = None
    trust_env: bool = True

    @property
    def can_refresh(self) -> bool:
        """Whether an access token can be minted."""
        return bool(self.client_id and self.client_secret and self.refresh_token)


def from_connection(
    connection: Connection, *, ad_account_id: int | str | None = None, api_version: str | None = None
) -> ConnectionSettings:
    """Read a connection. Keys of its Extra that are not known here are ignored, never sent.

    :param ad_account_id: wins over the connection's.
    :param api_version: wins over the connection's.
    :raises ConnectionSettingsError: the connection cannot be used as it is.
    """
    # The form saves empty fields as null.
    extra = {key: value for key, value in connection.extra_dejson.items() if value not in (None, "")}
    conn_id = connection.conn_id
    secrets = {
        "client secret": connection.password,
        "access token": _token(extra.get("access_token")),
        "refresh token": _token(extra.get("refresh_token")),
    }
    if masked := [name for name, value in secrets.items() if value == MASKED]:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r}: the {' and the '.join(masked)} arrived as '***': save the connection and "
            "test it again, or type the value anew."
        )
    if unsendable := [
        name for name in ("access token", "refresh token") if not _VISIBLE.fullmatch(secrets[name] or "none")
    ]:
        # Told here, since what refuses such a header quotes it.
        raise ConnectionSettingsError(
            f"Connection {conn_id!r}: the {' and the '.join(unsendable)} holds white space or a character that no "
            "token has: copy it anew."
        )
    if not (secrets["access token"] or (connection.login and connection.password and secrets["refresh token"])):
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} has no way to a token: set an access token, or client id, client secret and "
            "refresh token."
        )
    proxies = extra.get("proxies") or extra.get("proxy") or {}
    return ConnectionSettings(
        conn_id=conn_id,
        base_url=_base_url(connection),
        oauth_base_url=str(extra.get("oauth_base_url") or DEFAULT_OAUTH_BASE_URL).rstrip("/"),
        client_id=connection.login or None,
        client_secret=connection.password or None,
        access_token=secrets["access token"],
        refresh_token=secrets["refresh token"],
        ad_account=_ad_account(ad_account_id or extra.get("ad_account_id"), conn_id),
        api_version=_version(str(api_version or extra.get("api_version") or limits.DEFAULT_API_VERSION)),
        keep_rotated_refresh_token=_boolean(extra.get("keep_rotated", True)),
        timeout=_timeout(extra.get("timeout", DEFAULT_TIMEOUT), conn_id),
        proxies=proxies if isinstance(proxies, dict) else {"http": proxies, "https": proxies},
        verify=_verify(extra.get("verify", extra.get("verify_ssl", True))),
        cert=extra.get("cert"),
        trust_env=_boolean(extra.get("trust_env", True)),
    )


def version_warning(version: str, today: dt.date) -> str | None:
    """Say in words that an API version ends soon, has ended, or is not known here; None while all is well."""
    ends = limits.VERSION_SUPPORT_ENDS.get(version[:6])
    newest = max(limits.VERSION_SUPPORT_ENDS)
    if ends is None:
        if version[:6] > newest:
            return f"API version {version} is newer than {newest}, the newest that this package was tested with."
        return f"API version {version} is no longer served by LinkedIn; set the connection's to {newest}."
    if today > ends:
        return f"LinkedIn's support for API version {version} ended on {ends}; set the connection's to {newest}."
    if ends - today <= _WARN_BEFORE:
        return f"LinkedIn's support for API version {version} ends on {ends}; set the connection's to {newest}."
    return None


def _base_url(connection: Connection) -> str:
    host = (connection.host or DEFAULT_BASE_URL).strip().rstrip("/")
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}"
    parts = urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConnectionSettingsError(f"Connection {connection.conn_id!r}: {host!r} is no URL of an API.")
    if connection.port and not parts.port:
        host = f"{parts.scheme}://{parts.netloc}:{connection.port}{parts.path}"
    return host


def _ad_account(value: Any, conn_id: str | None) -> str | None:
    try:
        return urns.ad_account(value) if value else None
    except ValueError as error:
        raise ConnectionSettingsError(f"Connection {conn_id!r}: {error}") from None


def _version(value: str) -> str:
    if not _VERSION.match(value):
        raise ConnectionSettingsError(f"{value!r} is no API version: write year and month, e.g. 202609.")
    return value


def _token(value: Any) -> str | None:
    """Without the line break that files and clipboards add at its end."""
    return str(value).strip() or None if value is not None else None


def _timeout(value: Any, conn_id: str | None) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConnectionSettingsError(f"Connection {conn_id!r}: timeout {value!r} is no number of seconds.")
    return seconds


def _boolean(value: Any) -> bool:
    return str(value).strip().lower() not in ("false", "0", "no", "off", "")


def _verify(value: Any) -> bool | str:
    """Whether to check certificates; text that is neither yes nor no is the path of a CA bundle."""
    if isinstance(value, str) and value.strip().lower() not in ("true", "false", "1", "0", "yes", "no"):
        return value
    return _boolean(value)
