"""The id of an event whose row does not have one."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.events.model import ConversionValue, User

#: Names the recipe below. Another recipe gets another prefix, so that old ids stay what they are.
PREFIX: Final = "d1-"


def derive(conversion: str, happened_at: int, value: ConversionValue | None, user: User) -> str:
    r"""Return an id that depends on nothing but what identifies the event.

    ``d1-`` and 32 hexadecimal digits of BLAKE2b (16 bytes) over these lines, joined by ``\n``, in UTF-8, an
    absent one empty: URN of the rule, epoch milliseconds, currency, amount, external id, lead, first name,
    last name, hashed first name, hashed last name; then a line ``idType=idValue`` for each entry of
    ``userIds`` as sent. No value holds a line break. Company, title and country do not identify anybody:
    correcting them keeps the id.
    """
    worth = f"{value.currency_code}\n{value.amount}" if value else "\n"
    external = user.external_ids[0] if user.external_ids else ""
    names = "\n\n\n"
    if info := user.user_info:
        names = (
            f"{info.first_name or ''}\n{info.last_name or ''}\n"
            f"{info.hashed_first_name or ''}\n{info.hashed_last_name or ''}"
        )
    ids = "".join([f"\n{each.id_type}={each.id_value}" for each in user.user_ids])
    lines = f"{conversion}\n{happened_at}\n{worth}\n{external}\n{user.lead or ''}\n{names}{ids}"
    return PREFIX + blake2b(lines.encode(), digest_size=16).hexdigest()
