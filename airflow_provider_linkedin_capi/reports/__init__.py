"""Reports of adAnalytics: asked for completely, typed, waited for, and compared. No Airflow, no sockets."""
