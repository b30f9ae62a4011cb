"""Path to conversion: the image pixel that carries an order id, and the events that led to the order.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking. The pixel's
parameters are documented. Of the query only its resource and finder are known, from LinkedIn's permission table:
the names ``account`` and ``orderId`` and the shape of the answer are inferred, so its rows are handed on as they
come and nothing in this package depends on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_linkedin_capi.api import paging, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("adEventWithConversions")

PIXEL_URL = "https://px.ads.linkedin.com/collect/"


def image_pixel_url(
    tag: int | str,
    *,
    conversion_rule: int | str | None = None,
    order_id: str | None = None,
    event_id: str | None = None,
    url: str | None = None,
) -> str:
    """Return the address of the image pixel for one page view; only a browser with LinkedIn's cookies can use it.

    Public API. In HTML, escape it as any attribute: ``html.escape(image_pixel_url(...))``.

    :param tag: id of the Insight Tag.
    :param conversion_rule: the event-specific rule that the pixel stands for; without it the page's address is
        matched against the account's URL rules.
    :param order_id: the advertiser's id of the order; needed for path to conversion.
    :param event_id: the id that the server sends as ``eventId`` for the same event, for de-duplication.
    :param url: the address to match instead of the page's own.
    """
    if conversion_rule is not None and url is not None:
        raise ConfigurationError("LinkedIn ignores url when conversion_rule is given; leave one of them out")
    parameters = {
        "pid": urns.number(urns.insight_tag(tag)),
        "fmt": "img",
        "conversionId": None if conversion_rule is None else urns.number(urns.conversion_rule(conversion_rule)),
        "url": url,
        "oid": order_id,
        "eventId": event_id,
    }
    for name in ("oid", "eventId", "url"):
        if parameters[name] == "":
            raise ConfigurationError(f"{name} is empty; leave it out instead")
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{PIXEL_URL}?{urlencode(given, quote_via=quote, safe='')}"


def find(account: int | str, order_id: str) -> Call[Page[dict[str, Any]]]:
    """Return the call that finds the impressions and clicks of up to 90 days that led to an order.

    Parameter names and the rows' shape are inferred, see the module's text.
    """
    if not order_id:
        raise ConfigurationError("no order id was given")
    parameters = {"q": "accountWithOrderId", "account": urns.ad_account(account), "orderId": order_id}
    return paging.Finder(dict[str, Any], RESOURCE, parameters).by_index()
