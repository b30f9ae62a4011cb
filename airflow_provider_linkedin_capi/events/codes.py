"""Every reason for which a row, or a part of it, is not sent."""

from __future__ import annotations

from typing import Final

#: What each code means; also the message of rejections and warnings. docs/fields.md lists the same.
CODES: Final = {
    # The row refused
    "row_shape": "the row does not have one value for each column",
    "row_unreadable": "the row could not be read: its line is damaged, or not in the file's format",
    "conversion_missing": "no conversion rule: the row names none and there is no default for it",
    "conversion_invalid": "not the id of a conversion rule: give the number or urn:lla:llaPartnerConversion:<number>",
    "conversion_type_unknown": "the mapping of conversion rules has no entry for this conversion type",
    "time_missing": "no time of the conversion",
    "time_invalid": "not a time: give epoch milliseconds, ISO 8601 text or a timestamp",
    "time_too_old": "the conversion happened more than 90 days ago; LinkedIn refuses it",
    "time_in_future": "the conversion lies more than 5 minutes in the future; LinkedIn refuses it",
    "amount_invalid": "not an amount: give a decimal number without currency sign",
    "amount_separator": "the amount holds a comma, space or other separator: give digits and one decimal point",
    "amount_negative": "the amount is negative; LinkedIn knows no refunds",
    "amount_too_large": "the amount has more than 15 digits before the decimal point",
    "amount_without_currency": "an amount without currency: LinkedIn takes them only together",
    "currency_unknown": "not a currency of ISO 4217",
    "event_id_invalid": "not an event id: give text, a whole number or a UUID, without control characters",
    "event_id_too_long": "the event id is longer than 256 characters",
    # Rows of the retired offline API
    "offline_remove": "REMOVE has no equivalent: a conversion sent to LinkedIn can't be taken back",
    "offline_action_unknown": "an action other than ADD and REMOVE",
    "offline_type_retired": "a conversion type that no rule can have today: name a rule for it in conversion_rule",
    "offline_element_invalid": "not of the shape that the offline API took",
    "offline_more_emails": "more than one e-mail of the same kind for one person",
    # The identifier left out; the row refused if no other remains
    "no_identifier": "the row has no identifier of a person",
    "email_invalid": "neither an e-mail address nor its SHA-256",
    "email_md5": "looks like MD5 (32 hexadecimal digits); LinkedIn matches SHA-256 only",
    "email_sha1": "looks like SHA-1 (40 hexadecimal digits); LinkedIn matches SHA-256 only",
    "email_sha512": "looks like SHA-512 (128 hexadecimal digits); LinkedIn matches SHA-256 only",
    "email_base64": "looks like a hash in base64: give the SHA-256 as 64 hexadecimal digits",
    "hash_of_nothing": "the SHA-256 of empty text",
    "ip_invalid": "not an IPv4 address",
    "ip_version_6": "an IPv6 address; LinkedIn matches IPv4 only",
    "ip_hashed": "a hash where a plain address belongs: name the column SHA256_IP_ADDRESS",
    "ip_hash_invalid": "neither a SHA-256 in 64 hexadecimal digits nor an IPv4 address",
    "id_invalid": "not an id: give text or a whole number without control characters",
    "id_too_long": "the id is longer than 256 characters",
    "id_placeholder": "a placeholder such as null or undefined",
    "google_aid_zero": "the all-zero advertising id of people who opted out",
    "external_ids_many": "more than one external id; LinkedIn takes exactly one",
    "external_id_invalid": "not an external id: give text, a whole number or a list of one of them",
    "lead_invalid": "not the id of a lead gen form response",
    "lead_wrong_urn": "the URN is not of the form urn:li:leadGenFormResponse:<id>",
    "name_invalid": "not a name: give text",
    "name_hashed": "a hash where a plain name belongs: name the column hashedFirstName or hashedLastName",
    "name_hash_invalid": "a hash that is not SHA-256 in 64 hexadecimal digits",
    "name_half": "one name without the other; LinkedIn takes only both",
    # The row sent, but not as it came
    "time_clamped": "the conversion lies up to 5 minutes in the future (clocks differ): sent as now",
    "time_ambiguous": "the local time occurs twice at the end of summer time: taken as the first",
    "time_nonexistent": "the local time is skipped at the start of summer time: taken with the offset before it",
    "amount_rounded": "more decimals than the currency has: rounded half up",
    "currency_without_amount": "a currency without amount: no value is sent",
    "event_id_placeholder": "the event id is a placeholder such as null or undefined: taken as absent",
    "text_cut": "longer than the 35 (names) or 50 (company, title) characters that LinkedIn is known to take: cut",
    "text_invalid": "not text: left out",
    "country_unknown": "not a country of ISO 3166-1 alpha-2: left out",
    "info_without_names": "company, title and country are taken only with both names: left out",
}
