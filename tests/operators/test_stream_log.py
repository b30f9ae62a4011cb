"""What the log says when a delivery ends."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.operators._stream_log import log_summary


@pytest.fixture
def told(caplog):
    """``told(rejected=..., held=...)``: what is logged of such a delivery."""

    def tell(**figures):
        caplog.set_level(logging.INFO)
        log_summary(logging.getLogger("delivery"), Summary(rows_read=10, **figures), results_table=None, dry_run=False)
        return caplog.text

    return tell


def test_rejected_rows_may_be_fixed_and_replayed(told):
    text = told(rejected=1, rejects_path="s3://bucket/letters.jsonl")
    assert "Fix the rejected rows in that file and replay them" in text
    assert "LinkedIn may have stored" not in text


def test_nobody_is_told_to_replay_held_rows_as_if_they_were_not_sent(told):
    text = told(held=1, rejects_path="s3://bucket/letters.jsonl")
    assert "Fix the rejected rows" not in text
    assert "LinkedIn may have stored the held rows" in text


def test_without_dead_letters_the_log_says_how_to_keep_rows(told):
    assert "Set rejects_path to keep the rows" in told(rejected=1)
