"""The table of row fields: which columns are read, how, and what they become.

To add a field or an identifier type, add a row here; its reader is a function in ``identifiers.py`` or ``texts.py``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_linkedin_capi.api.limits import SINCE_HASHED_NAMES
from airflow_provider_linkedin_capi.events import identifiers, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.events.reading import Reader


class Role(enum.Enum):
    """What a field is for."""

    RULE = "names the conversion rule"
    TIME = "says when the conversion happened"
    EVENT_ID = "identifies the event"
    VALUE = "says what the conversion was worth"
    USER_ID = "identifies the person: an entry of userIds"
    NAME = "identifies the person together with the other name: a member of userInfo"
    EXTERNAL_ID = "identifies the person: externalIds"
    LEAD = "identifies the person: lead"
    INFO = "describes the person: a member of userInfo, sent only beside both names"
    RECORD = "holds other fields, as LinkedIn's own event does"


#: Of these, a row needs at least one; a bad one beside a good one is left out.
IDENTIFYING: Final = frozenset({Role.USER_ID, Role.NAME, Role.EXTERNAL_ID, Role.LEAD})
#: Of these, one that is the same in every row is suspicious.
DISTINCT: Final = frozenset({Role.EVENT_ID, Role.USER_ID, Role.EXTERNAL_ID, Role.LEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a row.

    :param name: its name; in errors, warnings and on the page of fields.
    :param aliases: other names that columns may have.
    :param role: what it is for.
    :param reader: makes the reader of its column; None when the field is read together with others or with settings.
    :param id_type: the ``idType`` of its entry in ``userIds``.
    :param since: the first version of LinkedIn's API that accepts it.
    :param taken_for: what a column of this name is taken for, where other systems use the name for something else;
        the log says it once unless ``column_mapping`` names the column.
    :param mapped_reader: the reader of a column that ``column_mapping`` names; ``reader`` when None.
    """

    name: str
    aliases: tuple[str, ...] = ()
    role: Role
    reader: Callable[[], Reader] | None = None
    id_type: str | None = None
    since: str | None = None
    taken_for: str | None = None
    mapped_reader: Callable[[], Reader] | None = None


def _user_id(name: str, reader: Callable[[], Reader], *aliases: str, id_type: str | None = None) -> Field:
    return Field(name=name, aliases=aliases, role=Role.USER_ID, reader=reader, id_type=id_type or name)


#: Every field. ``userIds`` has its entries in this order, and derived event ids rest on it: add new types at the end.
FIELDS: tuple[Field, ...] = (
    Field(name="conversion", aliases=("conversion_rule",), role=Role.RULE),
    Field(name="conversion_type", aliases=("event_name", "event_type"), role=Role.RULE),
    Field(name="conversionHappenedAt", aliases=("happened_at", "event_time", "timestamp"), role=Role.TIME),
    Field(name="eventId", role=Role.EVENT_ID, reader=identifiers.event_id_reader),
    _user_id("email", identifiers.email_reader, "SHA256_EMAIL", id_type="SHA256_EMAIL"),
    _user_id("li_fat_id", identifiers.opaque_id_reader, "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
             id_type="LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID"),
    _user_id("ACXIOM_ID", identifiers.opaque_id_reader),
    _user_id("ip_address", identifiers.ip_address_reader, "PLAINTEXT_IP_ADDRESS", id_type="PLAINTEXT_IP_ADDRESS"),
    _user_id("SHA256_IP_ADDRESS", identifiers.hashed_ip_address_reader),
    _user_id("GOOGLE_AID", identifiers.google_aid_reader),
    Field(name="firstName", role=Role.NAME, reader=texts.name_reader),
    Field(name="lastName", role=Role.NAME, reader=texts.name_reader),
    Field(name="hashedFirstName", role=Role.NAME, reader=texts.hashed_name_reader, since=SINCE_HASHED_NAMES),
    Field(name="hashedLastName", role=Role.NAME, reader=texts.hashed_name_reader, since=SINCE_HASHED_NAMES),
    Field(name="companyName", aliases=("company", "employee_company"), role=Role.INFO,
          reader=texts.company_or_title_reader),
    Field(name="title", aliases=("job_title",), role=Role.INFO, reader=texts.company_or_title_reader,
          taken_for="the person's job title"),
    Field(name="countryCode", aliases=("country",), role=Role.INFO, reader=texts.country_reader),
    Field(name="externalIds", aliases=("external_id",), role=Role.EXTERNAL_ID, reader=identifiers.external_id_reader),
    Field(name="lead", role=Role.LEAD, reader=identifiers.possible_lead_reader,
          mapped_reader=identifiers.lead_reader,
          taken_for="the lead of a LinkedIn form, where its values look like one"),
    Field(name="currencyCode", aliases=("currency",), role=Role.VALUE),
    Field(name="amount", aliases=("value",), role=Role.VALUE),
    Field(name="user", role=Role.RECORD, taken_for="LinkedIn's record of the person, where its cells are JSON objects"),
    Field(name="userIds", role=Role.RECORD),
    Field(name="userInfo", role=Role.RECORD),
    Field(name="conversionValue", role=Role.RECORD),
)  # fmt: skip

#: Fields that older documents name and LinkedIn no longer accepts.
RETIRED: Final = {"ORACLE_MOAT_ID": "LinkedIn no longer accepts ORACLE_MOAT_ID"}


def fields_of(*roles: Role) -> list[Field]:
    """Return the fields that have one of the roles, in the order of the table."""
    return [field for field in FIELDS if field.role in roles]
