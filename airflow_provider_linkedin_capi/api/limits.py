"""Limits and versions of LinkedIn's Marketing API, as of autumn 2026. One place for each number."""

from __future__ import annotations

import datetime as dt

#: Newest version this package was tested with; a connection may name another one.
DEFAULT_API_VERSION = "202609"

#: Last day of support for each version still known to be served (LinkedIn's migrations page).
VERSION_SUPPORT_ENDS = {
    "202601": dt.date(2027, 1, 15),
    "202602": dt.date(2027, 2, 15),
    "202603": dt.date(2027, 3, 16),
    "202604": dt.date(2027, 4, 15),
    "202605": dt.date(2027, 5, 15),
    "202606": dt.date(2027, 6, 15),
    "202607": dt.date(2027, 7, 15),
    "202608": dt.date(2027, 8, 17),
    "202609": dt.date(2027, 9, 15),
}

#: First version with each feature that not every served version has.
SINCE_MQL_SQL_TYPES = "202608"
SINCE_HASHED_NAMES = "202609"

MAX_QUERY_CHARACTERS = 4_000

MAX_EVENTS_PER_BATCH = 5_000
#: The retired offline API's limit; for today's conversion events LinkedIn documents none.
MAX_BATCH_BYTES = 2_000_000
MAX_EVENT_AGE = dt.timedelta(days=90)
#: A longer Retry-After is taken for this one: no limit of LinkedIn's lasts longer than its day.
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
REQUESTS_PER_MINUTE = 600
#: Today's documents say 500,000, older ones 300,000.
REQUESTS_PER_DAY = 300_000

MAX_RULES_PER_BATCH = 100
#: Largest page of index-paged finders (``start`` and ``count``) and of cursor-paged ones (``pageSize``).
PAGE_SIZE = 1_000
INSIGHT_TAG_DOMAINS_PAGE_SIZE = 500

MAX_ANALYTICS_FIELDS = 20
MAX_ANALYTICS_ELEMENTS = 15_000
#: Metric values (fields times rows) per rolling five minutes, and how long to wait after the refusal.
ANALYTICS_VALUES_PER_WINDOW = 45_000_000
ANALYTICS_VALUES_WAIT_SECONDS = 330.0

#: Conversions show in reports up to 24 h after ingestion plus 48 h of processing.
REPORT_DELAY = dt.timedelta(hours=72)

#: How many months back adAnalytics answers, by granularity; demographic pivots have their own bound.
REPORT_MONTHS = {"DAILY": 6, "MONTHLY": 24, "YEARLY": 24, "ALL": 120}
DEMOGRAPHIC_REPORT_MONTHS = 24

#: The offline conversions API was switched off in November 2023; this was its last version.
LAST_OFFLINE_VERSION = "202310"
#: A new DMP segment must be left alone this long before anything is streamed into it.
DMP_SEGMENT_SETTLE_SECONDS = 5.0
