"""What Airflow shows of this package. Called in every Airflow process: imports nothing but the version."""

from __future__ import annotations

from typing import Any

from airflow_provider_linkedin_capi import __version__

_PACKAGE = "airflow_provider_linkedin_capi"
_INTEGRATION = "LinkedIn Conversions API"


def _secret(label: str, description: str) -> dict[str, Any]:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["string", "null"], "format": "password"},
    }


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _modules(package: str, *names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{package}.{name}" for name in names]}]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the shape of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-linkedin-capi",
        "name": _INTEGRATION,
        "description": (
            "Conversions from any warehouse to LinkedIn, every row accounted for, and reports back: `Conversions API "
            "<https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api>`__"
        ),
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://learn.microsoft.com/en-us/linkedin/marketing/",
                "tags": ["service"],
            }
        ],
        "hooks": _modules("hooks", "linkedin_conversions", "linkedin_conversions_async"),
        "operators": _modules(
            "operators", "conversion_rules", "campaigns", "stream_conversions", "analytics", "insight_tags"
        ),
        "sensors": _modules("sensors", "analytics"),
        "triggers": _modules("triggers", "analytics"),
        "extra-links": [f"{_PACKAGE}.links.campaign_manager.CampaignManagerLink"],
        "connection-types": [
            {
                "connection-type": "linkedin_capi",
                "hook-class-name": f"{_PACKAGE}.hooks.linkedin_conversions.LinkedInConversionsHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "API base URL", "login": "Client ID", "password": "Client secret"},
                    "placeholders": {"host": "https://api.linkedin.com", "port": "443"},
                },
                "conn-fields": {
                    "access_token": _secret(
                        "Access token",
                        "Enough by itself. Leave it empty to request one with the refresh token.",
                    ),
                    "refresh_token": _secret(
                        "Refresh token",
                        "With client id and client secret: access tokens are renewed automatically.",
                    ),
                    "ad_account_id": _text(
                        "Ad account id",
                        "The number, or urn:li:sponsoredAccount:<number>. Operators may name another.",
                    ),
                    "api_version": _text(
                        "API version",
                        "Year and month, e.g. 202609. Empty: the newest that this package was tested with.",
                        pattern="^(20[0-9]{2}(0[1-9]|1[0-2])(\\.[0-9]{2})?)?$",
                    ),
                    "oauth_base_url": _text(
                        "OAuth base URL",
                        "Empty: https://www.linkedin.com/oauth/v2. Set it for a local LinkedIn.",
                    ),
                    # Not named after a token: Airflow shows "***" for such a field, and a switch that is always on.
                    "keep_rotated": {
                        "label": "Keep a rotated refresh token",
                        "description": (
                            "When LinkedIn replaces the refresh token, keep the new one in an encrypted Variable, "
                            "since a task cannot change the connection."
                        ),
                        "schema": {"type": ["boolean", "null"], "default": True},
                    },
                },
            }
        ],
    }
