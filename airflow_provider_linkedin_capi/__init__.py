"""Apache Airflow provider for LinkedIn's Conversions API and its reports."""

__version__ = "0.1.0"
