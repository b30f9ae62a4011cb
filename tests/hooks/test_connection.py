"""What a connection may say, and what is said when it cannot be used."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_linkedin_capi.exceptions import ConnectionSettingsError
from airflow_provider_linkedin_capi.hooks import connection_settings


def connection(**fields: Any) -> Connection:
    extra = fields.pop("extra", {"access_token": "a-token"})
    return Connection(conn_id="ads", **{"conn_type": "linkedin_capi", **fields}, extra=json.dumps(extra))


def settings(**fields: Any) -> connection_settings.ConnectionSettings:
    return connection_settings.from_connection(connection(**fields))


def test_a_bare_access_token_is_enough() -> None:
    found = settings()
    assert found.base_url == "https://api.linkedin.com"
    assert found.oauth_base_url == "https://www.linkedin.com/oauth/v2"
    assert found.api_version == "202609"
    assert found.timeout == 60
    assert not found.can_refresh


def test_client_id_secret_and_refresh_token_are_enough() -> None:
    found = settings(login="id", password="secret", extra={"refresh_token": "refresh"})
    assert found.can_refresh
    assert found.access_token is None


@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {}},
        {"extra": {"refresh_token": "refresh"}},
        {"login": "id", "password": "secret", "extra": {}},
        {"login": "id", "extra": {"refresh_token": "refresh"}},
    ],
)
def test_without_a_way_to_a_token_it_says_what_to_set(fields: dict[str, Any]) -> None:
    with pytest.raises(ConnectionSettingsError, match="set an access token, or client id"):
        settings(**fields)


def test_the_line_break_after_a_pasted_token_is_ignored() -> None:
    found = settings(
        login="id", password="secret", extra={"access_token": "a-token\n", "refresh_token": " refresh\r\n"}
    )
    assert (found.access_token, found.refresh_token) == ("a-token", "refresh")


@pytest.mark.parametrize("token", ["secret\ntoken", "secret token", "secret\N{EN DASH}token"])
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_a_token_that_no_header_can_hold_is_refused_without_being_quoted(name: str, token: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"the {name.replace('_', ' ')} contains white") as raised:
        settings(extra={"access_token": "a-token", name: token})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("timeout", ["soon", 0, -5, "nan", "inf"])
def test_an_invalid_timeout_is_named_with_its_connection(timeout: Any) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"'ads': timeout {timeout!r} is not a valid number of seconds"):
        settings(extra={"access_token": "a-token", "timeout": timeout})


def test_empty_fields_of_the_form_are_absent() -> None:
    names = ("ad_account_id", "api_version", "oauth_base_url", "refresh_token", "timeout", "verify", "proxies")
    assert settings(extra={"access_token": "a-token", **dict.fromkeys(names)}) == settings()
    assert settings(extra={"access_token": "a-token", **dict.fromkeys(names, "")}) == settings()


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "http://127.0.0.1:8090"}, "http://127.0.0.1:8090"),
        ({"host": "http://127.0.0.1", "port": 8090}, "http://127.0.0.1:8090"),
        ({"host": "http://127.0.0.1:8090", "port": 443}, "http://127.0.0.1:8090"),
        ({"host": "https://api.linkedin.com/", "port": 443}, "https://api.linkedin.com:443"),
        ({"host": "api.linkedin.com"}, "https://api.linkedin.com"),
        ({"host": "localhost", "schema": "http", "port": 80}, "http://localhost:80"),
        ({"host": "http://gateway/linkedin/"}, "http://gateway/linkedin"),
    ],
)
def test_the_host_is_the_base_url_of_the_api(fields: dict[str, Any], url: str) -> None:
    assert settings(**fields).base_url == url


BAD_URLS = [
    "ftp://api.linkedin.com",
    "https://",
    "https://api.linkedin.com:http",
    "https://user:pw@api.linkedin.com",
    "https://api.linkedin.com?x=1",
    "https://api.linkedin.com#x",
    "https://api linkedin.com",
    "https://[::1",
]


@pytest.mark.parametrize("host", BAD_URLS)
def test_a_host_that_is_not_a_url_is_refused(host: str) -> None:
    with pytest.raises(ConnectionSettingsError, match="'ads': Host is not a valid API base URL"):
        settings(host=host)


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_token_service_at_no_valid_address_is_refused(url: str) -> None:
    with pytest.raises(ConnectionSettingsError, match="'ads': oauth_base_url is not a valid API base URL"):
        settings(extra={"access_token": "t", "oauth_base_url": url})


@pytest.mark.parametrize("value", [5012345, "5012345", "urn:li:sponsoredAccount:5012345"])
def test_the_ad_account_is_a_number_or_a_urn(value: int | str) -> None:
    assert settings(extra={"access_token": "t", "ad_account_id": value}).ad_account == "urn:li:sponsoredAccount:5012345"


def test_an_ad_account_of_another_kind_is_refused() -> None:
    with pytest.raises(ConnectionSettingsError, match="is not the id of an ad account"):
        settings(extra={"access_token": "t", "ad_account_id": "urn:li:sponsoredCampaign:1"})


@pytest.mark.parametrize("version", ["2026-09", "202613", "latest", "2026", "202609.1"])
def test_an_invalid_version_is_refused(version: str) -> None:
    with pytest.raises(ConnectionSettingsError, match="year and month"):
        settings(extra={"access_token": "t", "api_version": version})


def test_masked_values_are_recognised() -> None:
    with pytest.raises(ConnectionSettingsError, match=r"client secret and the access token arrived as '\*\*\*'"):
        settings(login="id", password="***", extra={"access_token": "***"})


def test_secrets_do_not_show_in_the_repr() -> None:
    text = repr(settings(login="id", password="s3cret", extra={"access_token": "t0ken", "refresh_token": "r3fresh"}))
    assert not {"s3cret", "t0ken", "r3fresh"} & set(text.replace("'", " ").split())
    assert "s3cret" not in text


def test_transport_settings_are_those_of_the_http_provider() -> None:
    found = settings(
        extra={
            "access_token": "t",
            "timeout": "7",
            "verify": __file__,
            "proxy": "http://p:1",
            "trust_env": "false",
        }
    )
    assert found.timeout == 7
    assert found.verify == __file__
    assert found.proxies == {"http": "http://p:1", "https": "http://p:1"}
    assert found.trust_env is False


@pytest.mark.parametrize(("value", "verify"), [(False, False), ("false", False), (True, True), ("/", "/")])
def test_verify_is_yes_no_or_a_ca_bundle(value: Any, verify: bool | str) -> None:
    assert settings(extra={"access_token": "t", "verify": value}).verify == verify


@pytest.mark.parametrize("conn_type", ["", "http", "linkedin", "generic"])
def test_another_type_of_connection_is_refused(conn_type: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"its type is '{conn_type}', not 'linkedin_capi'"):
        settings(conn_type=conn_type)


@pytest.mark.parametrize("address", ["http%3A%2F%2F127.0.0.1%3A8090", "127.0.0.1:8090"])
def test_a_uri_with_an_underscore_sends_nothing_to_production(address: str) -> None:
    lost = Connection(conn_id="ads", uri=f"linkedin_capi://{address}/?access_token=a-token")
    with pytest.raises(ConnectionSettingsError, match="write linkedin-capi://"):
        connection_settings.from_connection(lost)


def test_a_uri_with_a_hyphen_is_read_as_meant() -> None:
    read = Connection(conn_id="ads", uri="linkedin-capi://http%3A%2F%2F127.0.0.1%3A8090/?access_token=a-token")
    assert connection_settings.from_connection(read).base_url == "http://127.0.0.1:8090"


@pytest.mark.parametrize("key", ["host", "base_url", "port", "schema", "login", "password"])
def test_a_field_that_was_put_into_extra_is_refused(key: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"Extra holds {key}: move it"):
        settings(extra={"access_token": "t", key: "http://127.0.0.1:8090"})


@pytest.mark.parametrize(
    ("value", "proxies"),
    [
        ({"https": "http://p:1"}, {"https": "http://p:1"}),
        ('{"https": "http://p:1"}', {"https": "http://p:1"}),
        ("p:1", {"http": "http://p:1", "https": "http://p:1"}),
        ({"https": "p:1", "http": None}, {"https": "http://p:1"}),
        ({"all": "socks5h://u:pw@p:1"}, {"all": "socks5h://u:pw@p:1"}),
    ],
)
def test_proxies_are_an_address_or_a_mapping_or_its_json(value: Any, proxies: dict[str, str]) -> None:
    assert settings(extra={"access_token": "t", "proxies": value}).proxies == proxies


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        '{"https": "http://p:1"',
        ["http://p:1"],
        7,
        {"https": "gopher://s3cret@p"},
        {"https": "http://p:s3cret"},
    ],
)
def test_invalid_proxies_are_refused_without_being_quoted(value: Any) -> None:
    with pytest.raises(ConnectionSettingsError, match=r"'ads': .*prox(y|ies)") as raised:
        settings(extra={"access_token": "t", "proxies": value})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "cert"),
    [(__file__, __file__), ([__file__, __file__], (__file__, __file__)), (f'["{__file__}"]', (__file__,))],
)
def test_a_client_certificate_is_a_file_or_two(value: Any, cert: Any) -> None:
    assert settings(extra={"access_token": "t", "cert": value}).cert == cert


@pytest.mark.parametrize("key", ["cert", "verify"])
def test_a_certificate_file_that_does_not_exist_is_named(key: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"{key} in Extra: the file '/none.pem' does not exist"):
        settings(extra={"access_token": "t", key: "/none.pem"})


@pytest.mark.parametrize(
    ("version", "today", "expected"),
    [
        ("202609", "2026-11-22", None),
        ("202609", "2027-08-16", "ends on 2027-09-15"),
        ("202609", "2027-09-15", "ends on 2027-09-15"),
        ("202609", "2027-09-16", "ended on 2027-09-15"),
        ("202609.02", "2027-09-16", "ended on 2027-09-15"),
        ("202511", "2026-11-22", "no longer served"),
        ("202610", "2026-11-22", "newer than 202609"),
    ],
)
def test_the_end_of_a_version_is_said_in_time(version: str, today: str, expected: str | None) -> None:
    warning = connection_settings.version_warning(version, dt.date.fromisoformat(today))
    assert warning is None if expected is None else expected in str(warning)
