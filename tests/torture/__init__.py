"""Deliveries under random faults, kills and outages, whose every record is compared afterwards: ``make torture``."""
