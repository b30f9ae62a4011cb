"""Databases: one adapter per family, all behind :class:`~airflow_provider_linkedin_capi.databases.base.Database`.

:func:`~airflow_provider_linkedin_capi.databases.opening.open_database` finds the adapter for an Airflow connection.
"""
