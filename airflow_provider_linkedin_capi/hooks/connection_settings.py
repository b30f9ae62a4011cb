"""What a connection of type ``linkedin_capi`` says, checked once."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_linkedin_capi.api import limits, urns
from airflow_provider_linkedin_capi.exceptions import ConnectionSettingsError

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.providers.common.compat.sdk import Connection

CONN_TYPE = "linkedin_capi"
DEFAULT_BASE_URL = "https://api.linkedin.com"
DEFAULT_OAUTH_BASE_URL = "https://www.linkedin.com/oauth/v2"
#: Seconds to connect and to wait for the next byte, unless the connection sets others.
DEFAULT_TIMEOUT = 60.0
#: What Airflow shows in place of a secret, and hands to a connection test that was sent masked values.
MASKED = "***"
#: Keys that belong to fields of their own: in Extra they would be ignored, and the default address used instead.
_FIELDS_IN_EXTRA = ("host", "base_url", "schema", "port", "login", "password")

_VERSION = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])(\.[0-9]{2})?\Z")
_VISIBLE = re.compile(r"[!-~]+")
_WARN_BEFORE = dt.timedelta(days=30)
_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The connection's fields by their meaning; empty ones are None.

    :param base_url: scheme, host and port of the API, without a slash at the end.
    :param oauth_base_url: where ``/accessToken`` is.
    :param proxies: by scheme, as requests takes them; empty for those of the environment.
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
        """Whether a new access token can be requested."""
        return bool(self.client_id and self.client_secret and self.refresh_token)


def from_connection(
    connection: Connection, *, ad_account_id: int | str | None = None, api_version: str | None = None
) -> ConnectionSettings:
    """Read a connection. Keys of its Extra that are not known here are ignored, never sent.

    :param ad_account_id: wins over the connection's.
    :param api_version: wins over the connection's.
    :raises ConnectionSettingsError: the connection cannot be used as it is.
    """
    conn_id = connection.conn_id
    try:
        return _from_connection(connection, ad_account_id, api_version)
    except ConnectionSettingsError:
        raise
    except ValueError as error:
        raise ConnectionSettingsError(f"Connection {conn_id!r}: {error}") from None


def _from_connection(
    connection: Connection, ad_account_id: int | str | None, api_version: str | None
) -> ConnectionSettings:
    if connection.conn_type != CONN_TYPE:
        raise ValueError(
            f"its type is {connection.conn_type!r}, not {CONN_TYPE!r}. A connection URI allows no underscore in the "
            "type and would lose host and port: write linkedin-capi://..., or define the connection as JSON."
        )
    # The form saves empty fields as null.
    extra = {key: value for key, value in connection.extra_dejson.items() if value not in (None, "")}
    if misplaced := [name for name in _FIELDS_IN_EXTRA if name in extra]:
        raise ValueError(
            f"Extra holds {', '.join(misplaced)}: move it to the connection's own field (Host, Port, Schema, Login, "
            "Password)."
        )
    secrets = {
        "client secret": connection.password,
        "access token": _token(extra.get("access_token")),
        "refresh token": _token(extra.get("refresh_token")),
    }
    if masked := [name for name, value in secrets.items() if value == MASKED]:
        raise ValueError(
            f"the {' and the '.join(masked)} arrived as '***': save the connection and test it again, or type the "
            "value again."
        )
    if unsendable := [
        name for name in ("access token", "refresh token") if not _VISIBLE.fullmatch(secrets[name] or "none")
    ]:
        # Refused here, since the error of the HTTP library would quote it.
        raise ValueError(
            f"the {' and the '.join(unsendable)} contains white space or a character that no token has: copy it again."
        )
    if not (secrets["access token"] or (connection.login and connection.password and secrets["refresh token"])):
        raise ValueError("it has no token: set an access token, or client id, client secret and refresh token.")
    account = ad_account_id or extra.get("ad_account_id")
    return ConnectionSettings(
        conn_id=connection.conn_id,
        base_url=_base_url(connection),
        oauth_base_url=_url(str(extra.get("oauth_base_url") or DEFAULT_OAUTH_BASE_URL), "oauth_base_url"),
        client_id=connection.login or None,
        client_secret=connection.password or None,
        access_token=secrets["access token"],
        refresh_token=secrets["refresh token"],
        ad_account=urns.ad_account(account) if account else None,
        api_version=_version(str(api_version or extra.get("api_version") or limits.DEFAULT_API_VERSION)),
        keep_rotated_refresh_token=_boolean(extra.get("keep_rotated", True)),
        timeout=_timeout(extra.get("timeout", DEFAULT_TIMEOUT)),
        proxies=_proxies(_structured(extra.get("proxies") or extra.get("proxy"), "proxies")),
        verify=_verify(extra.get("verify", extra.get("verify_ssl", True))),
        cert=_cert(_structured(extra.get("cert"), "cert")),
        trust_env=_boolean(extra.get("trust_env", True)),
    )


def version_warning(version: str, today: dt.date) -> str | None:
    """Return a warning when LinkedIn's support for an API version ends soon, has ended, or is not known here."""
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
    host = (connection.host or DEFAULT_BASE_URL).strip()
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}"
    url = _url(host, "Host")
    parts = urlsplit(url)
    if connection.port and not parts.port:
        return f"{parts.scheme}://{parts.netloc}:{connection.port}{parts.path}"
    return url


def _url(value: str, field: str) -> str:
    """Return a base URL without a slash at its end."""
    url = value.strip().rstrip("/")
    parts = _split(url, ("http", "https"))
    if parts is None or parts.username or parts.query or parts.fragment or re.search(r"\s", url):
        raise ValueError(f"{field} is not a valid API base URL; write it like {DEFAULT_BASE_URL}")
    return url


def _split(url: str, schemes: Collection[str]) -> SplitResult | None:
    """Return the parts of a URL that has one of the schemes, a host and a possible port, else None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in schemes and parts.hostname and port != 0 else None


def _structured(value: Any, key: str) -> Any:
    """Return what JSON text stands for: in a connection URI all of Extra is text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError(f"{key} in Extra is not valid JSON") from None
    return value


def _proxies(value: Any) -> dict[str, str]:
    """Return proxies by scheme; one address serves both. Addresses may hold passwords and are never quoted."""
    if not value:
        return {}
    if isinstance(value, str):
        value = {"http": value, "https": value}
    if not isinstance(value, dict):
        raise ValueError("proxies in Extra must be an address, or a mapping from http and https to addresses")
    return {scheme: _proxy(address, scheme) for scheme, address in value.items() if address}


def _proxy(address: Any, scheme: str) -> str:
    url = str(address).strip()
    if "://" not in url:
        url = f"http://{url}"
    if _split(url, _PROXY_SCHEMES) is None:
        raise ValueError(f"the proxy for {scheme} in Extra is not a valid address; write http://host:port")
    return url


def _cert(value: Any) -> str | tuple[str, ...] | None:
    """Return the client certificate: one PEM file, or certificate and key."""
    if not value:
        return None
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list | tuple) or len(files) > 2 or not all(isinstance(file, str) for file in files):
        raise ValueError("cert in Extra must be a file, or a list of certificate file and key file")
    for file in files:
        _existing(file, "cert")
    return value if isinstance(value, str) else tuple(files)


def _existing(path: str, key: str) -> str:
    if not Path(path).exists():
        raise ValueError(f"{key} in Extra: the file {path!r} does not exist on this machine")
    return path


def _version(value: str) -> str:
    if not _VERSION.match(value):
        raise ValueError(f"{value!r} is not a valid API version; write year and month, e.g. 202609")
    return value


def _token(value: Any) -> str | None:
    """Without the line break that files and clipboards add at its end."""
    return str(value).strip() or None if value is not None else None


def _timeout(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"timeout {value!r} is not a valid number of seconds")
    return seconds


def _boolean(value: Any) -> bool:
    return str(value).strip().lower() not in ("false", "0", "no", "off", "")


def _verify(value: Any) -> bool | str:
    """Whether to check certificates; text that is neither yes nor no is the path of a CA bundle."""
    if isinstance(value, str) and value.strip().lower() not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        return _existing(value, "verify")
    return _boolean(value)
