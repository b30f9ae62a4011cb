"""What adAnalytics' fields hold (counts, money, other decimals), and which of them can be added up."""

from __future__ import annotations

import enum
import functools
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from airflow_provider_linkedin_capi.currencies import CURRENCIES
from airflow_provider_linkedin_capi.exceptions import UnexpectedReplyError


def _words(text: str) -> list[str]:
    return text.split()


#: Decimal places of numbers that are not money; further ones are the tail of LinkedIn's binary floats.
OTHER_PLACES = 6

_DECIMALS = frozenset(
    _words("""
    audiencePenetration averageDaysToClose averageDealSizeInUsd averageEventWatchTime
    averageEventWatchTimeOver15Seconds averageEventWatchTimeOver2Minutes averageEventWatchTimeOver30Seconds
    averageVideoWatchTime jobApplications jobApplyClicks opportunityWinRate postClickJobApplications
    postClickJobApplyClicks postClickRegistrations postViewJobApplications postViewJobApplyClicks
    postViewRegistrations registrations returnOnAdSpend viralJobApplications viralJobApplyClicks
    viralPostClickJobApplications viralPostClickJobApplyClicks viralPostClickRegistrations
    viralPostViewJobApplications viralPostViewJobApplyClicks viralPostViewRegistrations viralRegistrations
    """)
)
_COUNTS = frozenset(
    _words("""
    actionClicks adUnitClicks appointmentsScheduled approximateMemberReach averageDwellTime cardClicks
    cardImpressions clicks closedWonOpportunities commentLikes comments companyPageClicks documentCompletions
    documentFirstQuartileCompletions documentMidpointCompletions documentThirdQuartileCompletions downloadClicks
    eventViews eventViewsOver15Seconds eventViewsOver2Minutes eventViewsOver30Seconds eventWatchTime
    externalWebsiteConversions externalWebsitePostClickConversions externalWebsitePostViewConversions follows
    fullScreenPlays headlineClicks headlineImpressions impressions landingPageClicks
    leadGenerationMailContactInfoShares leadGenerationMailInterestedClicks likes oneClickLeadFormOpens
    oneClickLeads openOpportunities opens otherEngagements qualifiedLeads reactions sends shares
    subscriptionClicks talentLeads textUrlClicks totalEngagements validWorkEmailLeads videoCompletions
    videoFirstQuartileCompletions videoMidpointCompletions videoStarts videoThirdQuartileCompletions videoViews
    videoWatchTime viralCardClicks viralCardImpressions viralClicks viralCommentLikes viralComments
    viralCompanyPageClicks viralDocumentCompletions viralDocumentFirstQuartileCompletions
    viralDocumentMidpointCompletions viralDocumentThirdQuartileCompletions viralDownloadClicks
    viralExternalWebsiteConversions viralExternalWebsitePostClickConversions
    viralExternalWebsitePostViewConversions viralFollows viralFullScreenPlays viralImpressions
    viralLandingPageClicks viralLikes viralOneClickLeadFormOpens viralOneClickLeads viralOtherEngagements
    viralReactions viralShares viralSubscriptionClicks viralTotalEngagements viralVideoCompletions
    viralVideoFirstQuartileCompletions viralVideoMidpointCompletions viralVideoStarts
    viralVideoThirdQuartileCompletions viralVideoViews
    """)
)
#: Ratios, averages and distinct people: a sum of parts is not the value of the whole.
_NOT_ADDITIVE = re.compile(
    r"average|costPer|approximateMemberReach\Z|audiencePenetration\Z|opportunityWinRate\Z|returnOnAdSpend\Z"
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

#: Members of ``revenueAttributionMetrics``, the one field of the finder ``attributedRevenueMetrics``.
REVENUE_FIELD = "revenueAttributionMetrics"
REVENUE_METRICS = (
    "returnOnAdSpend",
    "revenueWonInUsd",
    "closedWonOpportunities",
    "openOpportunities",
    "opportunityAmountInUsd",
    "opportunityWinRate",
    "averageDealSizeInUsd",
    "averageDaysToClose",
)


class Kind(enum.Enum):
    """What a column of a report holds."""

    DATE = "date"
    TIME = "time"
    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    USD = "usd"
    DECIMAL = "decimal"


@functools.cache
def kind(field: str) -> Kind:
    """Return what a field holds; an unknown metric counts as a decimal."""
    if field in _COUNTS:
        return Kind.COUNT
    if field in _DECIMALS and not field.endswith("InUsd"):
        return Kind.DECIMAL
    if field.endswith("InUsd"):
        return Kind.USD
    if field.endswith("InLocalCurrency") or field.startswith("costPer"):
        return Kind.MONEY
    return Kind.DECIMAL


@functools.cache
def additive(field: str) -> bool:
    """Whether the values of disjoint parts add up to the value of the whole; False for unknown fields."""
    known = field in _COUNTS or field in _DECIMALS or kind(field) in (Kind.MONEY, Kind.USD)
    return known and not _NOT_ADDITIVE.match(field)


def zero(field: str) -> int | Decimal | None:
    """Return what a missing value means: zero, or None where zero would be a claim, as for a ratio."""
    if not additive(field):
        return None
    return 0 if kind(field) is Kind.COUNT else Decimal(0)


def places(currency: str) -> int:
    """Return the number of decimals of a currency's minor unit; 2 for a code that ISO 4217 does not have."""
    return CURRENCIES.get(currency, 2)


def typed(field: str, value: Any) -> int | Decimal | None:
    """Return a value that LinkedIn sent as a number, unrounded.

    :raises UnexpectedReplyError: it is not a number.
    """
    if value is None:
        return zero(field)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    is_count = kind(field) is Kind.COUNT
    if isinstance(value, bool) or not number.is_finite() or (is_count and number != number.to_integral_value()):
        raise UnexpectedReplyError(f"{field} is {value!r}, which is not a {'count' if is_count else 'number'}")
    return int(number) if is_count else number


def rounded(field: str, value: int | Decimal | None, currency: str) -> int | Decimal | None:
    """Return a number without the tail of a binary float; money is rounded to the currency's minor unit."""
    if not isinstance(value, Decimal):
        return value
    digits = {Kind.MONEY: places(currency), Kind.USD: 2}.get(kind(field), OTHER_PLACES)
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


@functools.cache
def column(name: str) -> str:
    """Return a field's or pivot's name as a column: ``costInUsd`` is ``cost_in_usd``."""
    return _WORD.sub("_", name).lower()
