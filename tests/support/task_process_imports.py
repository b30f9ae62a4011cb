"""What a process that runs a task needs; imported once, in the process that others are forked from."""

from tests.support import airflow_home  # noqa: F401  isort: skip  (before anything that imports Airflow)

from airflow_provider_linkedin_capi.hooks import linkedin_conversions  # noqa: F401
from airflow_provider_linkedin_capi.operators import stream_conversions  # noqa: F401
from airflow_provider_linkedin_capi.sinks import ledger  # noqa: F401
from airflow_provider_linkedin_capi.sources import sql  # noqa: F401
