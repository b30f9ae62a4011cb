"""LinkedIn's Marketing API as values: requests, answers, limits and retry decisions. No I/O.

Public API: every function that returns a :class:`~airflow_provider_linkedin_capi.api.call.Call`; a hook's ``call``
carries it out.
"""
