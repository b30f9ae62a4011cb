"""Reports of adAnalytics: read completely, typed, waited for, stored and reconciled. No Airflow, no sockets."""
