"""Walks over pages, by LinkedIn's rules for links, counts and cursors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import ad_accounts, campaign_associations, conversion_rules
from airflow_provider_linkedin_capi.api.call import Reply


def rules(numbers, *, href=None, **paging):
    links = [{"rel": "next", "href": href, "type": "application/json"}] if href else []
    links.append({"rel": "prev", "href": "/rest/conversions?start=0"})
    body = {"elements": [{"id": number} for number in numbers], "paging": {"links": links, **paging}}
    return Reply(200, {}, json.dumps(body).encode())


def first(count=2):
    return conversion_rules.find(5, count=count)


def start_of(call):
    return None if call is None else call.query.partition("&start=")[2].partition("&")[0]


def test_the_first_page_asks_from_zero():
    assert first().query == "q=account&account=urn%3Ali%3AsponsoredAccount%3A5&start=0&count=2"


def test_a_full_page_without_links_is_followed_by_the_next_count():
    page = first().result(rules([1, 2]))
    assert [rule.id for rule in page.elements] == [1, 2]
    assert page.next.query == "q=account&account=urn%3Ali%3AsponsoredAccount%3A5&start=2&count=2"
    assert start_of(page.next.result(rules([3, 4])).next) == "4"


def test_a_short_page_without_links_is_the_last():
    assert first().result(rules([1])).next is None


def test_an_empty_page_is_the_last_even_with_a_link():
    assert first().result(rules([], href="/rest/conversions?start=2")).next is None


@pytest.mark.parametrize("total", [-1, 0, 1, 1000, None])
def test_the_total_is_ignored(total):
    assert start_of(first().result(rules([1, 2], total=total)).next) == "2"
    assert first().result(rules([1], total=total)).next is None


def test_a_next_link_is_followed_verbatim():
    href = "/rest/conversions?account=urn%3Ali%3AsponsoredAccount%3A5&q=account&x=a%20b(c)&start=20&count=7"
    following = first().result(rules([1], href=href)).next
    assert following.target == href
    assert (following.name, following.method) == ("conversions.FINDER-account", "GET")


def test_once_links_were_sent_a_page_without_one_is_the_last():
    page = first().result(rules([1, 2], href="/rest/conversions?q=account&start=2"))
    assert page.next.result(rules([3, 4])).next is None


@pytest.mark.parametrize("href", ["https://evil.example/rest/conversions", "//evil.example/x", "rest/conversions"])
def test_a_link_to_another_host_is_not_followed_with_the_token(href):
    with pytest.raises(exceptions.UnexpectedReplyError, match="another host"):
        first().result(rules([1, 2], href=href))


def test_the_pages_of_a_tunnelled_finder_are_tunnelled_too():
    call = campaign_associations.find(range(1, 200), count=1)
    element = {"campaign": "urn:li:sponsoredCampaign:1", "conversion": "urn:lla:llaPartnerConversion:2"}
    page = call.result(Reply(200, {}, json.dumps({"elements": [element]}).encode()))
    assert (page.next.method, page.next.headers["X-HTTP-Method-Override"]) == ("POST", "GET")
    assert page.next.body.endswith(b"&start=1&count=1")


def test_a_long_next_link_is_tunnelled():
    href = "/rest/conversions?q=account&x=" + "a" * 5000
    following = first().result(rules([1], href=href)).next
    assert (following.method, following.query, following.path) == ("POST", "", "/rest/conversions")
    assert following.body.decode() == href.partition("?")[2]


def test_a_page_without_elements_is_refused():
    with pytest.raises(exceptions.UnexpectedReplyError, match="elements"):
        first().result(Reply(200, {}, b"{}"))


def accounts(numbers, **metadata):
    body = {"elements": [{"id": number} for number in numbers], "metadata": metadata}
    return Reply(200, {}, json.dumps(body).encode())


def test_a_cursor_is_followed_with_the_other_parameters_unchanged():
    call = ad_accounts.search(status=["ACTIVE"], page_size=2)
    assert call.query == "q=search&search=(status:(values:List(ACTIVE)))&pageSize=2"
    page = call.result(accounts([1, 2], nextPageToken="DgG=/x"))
    assert page.next.query == call.query + "&pageToken=DgG%3D%2Fx"


def test_a_short_page_with_a_cursor_is_not_the_last():
    assert ad_accounts.search(page_size=2).result(accounts([1], nextPageToken="t")).next is not None


@pytest.mark.parametrize(
    "reply", [accounts([1, 2]), accounts([1, 2], nextPageToken=""), accounts([], nextPageToken=None)]
)
def test_a_page_without_cursor_is_the_last(reply):
    assert ad_accounts.search(page_size=2).result(reply).next is None


def test_a_cursor_that_leads_back_to_its_own_page_is_an_error():
    page = ad_accounts.search().result(accounts([1], nextPageToken="same"))
    with pytest.raises(exceptions.UnexpectedReplyError, match="token"):
        page.next.result(accounts([1], nextPageToken="same"))


@given(
    total=st.integers(0, 60), count=st.integers(1, 20), links=st.booleans(), claimed=st.sampled_from([-1, 0, 7, None])
)
def test_paginating_yields_every_element_once_with_or_without_links(total, count, links, claimed):
    call, seen = first(count), []
    while call is not None:
        start = int(start_of(call))
        numbers = range(start + 1, min(start + count, total) + 1)
        more = links and start + count < total
        href = f"/rest/conversions?q=account&start={start + count}&count={count}" if more else None
        page = call.result(rules(numbers, href=href, total=claimed))
        seen += [rule.id for rule in page.elements]
        call = page.next
    assert seen == list(range(1, total + 1))
