from __future__ import annotations

import base64
import ipaddress
import uuid
from decimal import Decimal
from hashlib import md5, sha1, sha256, sha512

import pytest

from airflow_provider_linkedin_capi.events import RowMapper
from tests.support.mapped_rows import NOW_MS, RULE, event_of, id_of, mapped, rejection_of, warning_of

JANE = "dbf1912b4cad4df9823f627874244e64b50a6ac550b9cb33b17df671a26679db"
TEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


@pytest.mark.parametrize(
    ("email", "digest"),
    [
        ("  Jane.Doe+News@Example.COM ", JANE),
        ("jane.doe+news@example.com", JANE),
        ("test@example.com", TEST),
        ("TEST@EXAMPLE.COM", TEST),
        ("\ufefftest@example.com", TEST),
        ("te st@exam\tple.com\r\n", TEST),
        ("test@\u200bexample.com\u200d", TEST),
        ("\xa0test@example.com\u3000", TEST),
        (b"test@example.com", TEST),
        (bytearray(b"Test@example.com "), TEST),
        (memoryview(b"test@example.com"), TEST),
        ("o'brien!#$%&*+/=?^_`{|}~-@example.co.uk", sha256(b"o'brien!#$%&*+/=?^_`{|}~-@example.co.uk").hexdigest()),
        ("Grüße@müller.example", sha256("grüße@müller.example".encode()).hexdigest()),
        ("a.b+c@example.com", sha256(b"a.b+c@example.com").hexdigest()),
    ],
)
def test_an_email_is_normalised_and_hashed(email: object, digest: str) -> None:
    assert id_of({"email": email}) == ("SHA256_EMAIL", digest)


@pytest.mark.parametrize(
    "digest",
    [
        TEST, TEST.upper(), f" {TEST}\n", TEST.encode(),
        bytes.fromhex(TEST), bytearray.fromhex(TEST), memoryview(bytes.fromhex(TEST)),
    ],
)  # fmt: skip
def test_an_email_that_is_hashed_already_is_passed_on_in_lower_case(digest: object) -> None:
    assert id_of({"SHA256_EMAIL": digest}) == ("SHA256_EMAIL", TEST)


@pytest.mark.parametrize(
    ("email", "code"),
    [
        (md5(b"test@example.com").hexdigest(), "email_md5"),
        (sha1(b"test@example.com").hexdigest(), "email_sha1"),
        (sha512(b"test@example.com").hexdigest().upper(), "email_sha512"),
        (base64.b64encode(sha256(b"test@example.com").digest()).decode(), "email_base64"),
        (base64.urlsafe_b64encode(sha256(b"test@example.com").digest()).decode().rstrip("="), "email_base64"),
        (base64.b64encode(md5(b"test@example.com").digest()).decode(), "email_base64"),
        (base64.b64encode(sha512(b"test@example.com").digest()).decode(), "email_base64"),
        (sha256(b"").hexdigest(), "hash_of_nothing"),
        (sha256(b"").hexdigest().upper(), "hash_of_nothing"),
        (sha256(b"test@example.com").digest()[:-1], "email_invalid"),
        (TEST[:-1], "email_invalid"),
        ("jane.doe", "email_invalid"),
        ("@example.com", "email_invalid"),
        ("jane@", "email_invalid"),
        ("jane@localhost", "email_invalid"),
        ("jane@example..com", "email_invalid"),
        ("jane@@example.com", "email_invalid"),
        ("jane@example.com;joe@example.com", "email_invalid"),
        ("jane@example.com\njoe@example.com", "email_invalid"),
        ("Jane <jane@example.com>", "email_invalid"),
        ("mailto:jane@example.com", "email_invalid"),
        (f"{'j' * 250}@example.com", "email_invalid"),
        ("\ud800@example.com", "email_invalid"),
        ("NULL", "id_placeholder"),
        ("#N/A", "id_placeholder"),
        (sha256(b"null").hexdigest(), "hash_of_nothing"),
        (sha256(b"N/A").hexdigest(), "hash_of_nothing"),
        (12345, "email_invalid"),
        (True, "email_invalid"),
        (["jane@example.com"], "email_invalid"),
        ({"email": "jane@example.com"}, "email_invalid"),
        (object(), "email_invalid"),
    ],
)
def test_an_invalid_email_is_rejected_by_its_own_code(email: object, code: str) -> None:
    rejection = rejection_of({"email": email})
    assert (rejection.field, rejection.code) == ("email", code)


@pytest.mark.parametrize("email", [None, "", "  ", "\ufeff", "\u200b \t", float("nan"), Decimal("NaN"), b"", b" "])
def test_an_empty_email_is_absent(email: object) -> None:
    assert rejection_of({"email": email}).code == "no_identifier"
    assert (
        event_of({"email": email, "li_fat_id": "df5gf5-gh6t7-ph4j7h-fgf6n1"}).user.user_ids[0].id_type != "SHA256_EMAIL"
    )


def test_a_bad_identifier_beside_a_good_one_is_left_out_with_a_warning() -> None:
    event, warning = warning_of({"email": "jane", "li_fat_id": "df5gf5-gh6t7-ph4j7h-fgf6n1"})
    assert (warning.field, warning.code) == ("email", "email_invalid")
    assert [each.id_type for each in event.user.user_ids] == ["LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID"]


def test_a_row_without_a_good_identifier_says_why_each_failed() -> None:
    rejection = rejection_of({"email": "jane", "ip_address": "2001:db8::1", "lead": None, "firstName": "Jane"})
    assert (rejection.field, rejection.code) == ("user", "no_identifier")
    for field in ("email", "ip_address", "firstName"):
        assert f"{field}: " in rejection.message


def test_one_bad_email_among_good_ones_costs_only_its_row() -> None:
    mapper = RowMapper(("happened_at", "email"), rule=RULE, now_ms=NOW_MS)
    emails = ["test@example.com", "a@example.com\nb@example.com", "TEST@example.com", "x"]
    result = mapper.map([(NOW_MS, email) for email in emails])
    assert result.positions == [0, 2]
    assert {event.user.user_ids[0].id_value for event in result.events} == {TEST}
    assert [rejection.position for rejection in result.rejections] == [1, 3]


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("81.2.69.142", "81.2.69.142"),
        (" 81.2.69.142 ", "81.2.69.142"),
        ("1.1.1.1", "1.1.1.1"),
        ("223.255.255.255", "223.255.255.255"),
        ("100.63.255.255", "100.63.255.255"),
        ("100.128.0.0", "100.128.0.0"),
        ("172.15.255.255", "172.15.255.255"),
        ("172.32.0.0", "172.32.0.0"),
        ("192.0.3.1", "192.0.3.1"),
        ("198.20.0.1", "198.20.0.1"),
        ("::ffff:81.2.69.142", "81.2.69.142"),
        (b"81.2.69.142", "81.2.69.142"),
        (ipaddress.ip_address("81.2.69.142"), "81.2.69.142"),
        (ipaddress.ip_interface("81.2.69.142/32"), "81.2.69.142"),
    ],
)
def test_an_ipv4_address_is_sent_in_dotted_form(address: object, sent: str) -> None:
    assert id_of({"ip_address": address}) == ("PLAINTEXT_IP_ADDRESS", sent)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("2001:db8::1", "ip_version_6"),
        (ipaddress.ip_address("2001:db8::1"), "ip_version_6"),
        ("::1", "ip_version_6"),
        ("999.999.999.999", "ip_invalid"),
        ("81.2.69", "ip_invalid"),
        ("81.2.69.142.1", "ip_invalid"),
        ("81.2.69.", "ip_invalid"),
        ("81.2.69.07", "ip_invalid"),
        ("81.2.69.142:443", "ip_invalid"),
        ("81.2.69.142/32", "ip_invalid"),
        ("81.2.69.142\u0661", "ip_invalid"),
        ("unknown", "id_placeholder"),
        ("-", "id_placeholder"),
        ("no address", "ip_invalid"),
        (1359103374, "ip_invalid"),
        (True, "ip_invalid"),
        (sha256(b"81.2.69.142").hexdigest(), "ip_hashed"),
    ],
)
def test_an_invalid_ipv4_address_is_rejected(address: object, code: str) -> None:
    assert rejection_of({"PLAINTEXT_IP_ADDRESS": address}).code == code


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.3.7", "192.168.1.20", "172.16.0.1", "172.31.255.255",
        "169.254.169.254", "100.64.0.1", "100.109.10.199", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.51.100.7",
        "203.0.113.7", "198.18.0.1", "198.19.255.255", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", " 10.0.3.7 ", "::ffff:10.0.3.7", ipaddress.ip_address("10.0.3.7"), b"10.0.3.7",
    ],
)  # fmt: skip
def test_an_address_that_is_not_a_visitors_is_left_out(address: object) -> None:
    for column in ("ip_address", "SHA256_IP_ADDRESS"):
        assert rejection_of({column: address}).code == "ip_not_public"
        event, warning = warning_of({column: address, "email": "test@example.com"})
        assert (warning.field, warning.code) == (column, "ip_not_public")
        assert [each.id_type for each in event.user.user_ids] == ["SHA256_EMAIL"]


@pytest.mark.parametrize("column", ["li_fat_id", "ACXIOM_ID", "GOOGLE_AID", "externalIds", "lead"])
@pytest.mark.parametrize("value", ["1.23457E+18", "9.87654E+15", "9,87654E+15", "1.23457e18", "1E+20", " 1.0E+15 "])
def test_an_id_that_a_spreadsheet_rounded_is_left_out(column: str, value: str) -> None:
    assert rejection_of({column: value}).code == "id_rounded"
    event, warning = warning_of({column: value, "email": "test@example.com"})
    assert warning.code == "id_rounded"
    assert (len(event.user.user_ids), event.user.external_ids, event.user.lead) == (1, None, None)


@pytest.mark.parametrize("value", ["1E15", "12E+4x", "order-1.5E+3", "3e8a-11", "1.23457E+18-7", "E+5", "7.5E"])
def test_an_id_that_only_resembles_a_rounded_number_is_sent(value: str) -> None:
    assert id_of({"ACXIOM_ID": value})[1] == value


@pytest.mark.parametrize("column", ["email", "li_fat_id", "ip_address", "externalIds"])
def test_an_identifier_that_is_the_same_in_every_row_gets_a_warning(column: str) -> None:
    value = {"email": "guest@shop.example", "ip_address": "81.2.69.142"}.get(column, "some-constant")
    mapper = RowMapper(("happened_at", column), rule=RULE, now_ms=NOW_MS)
    few, all_same = [(NOW_MS, value)] * 19, [(NOW_MS, value)] * 50 + [(NOW_MS, None)]
    assert not mapper.map(few).warnings
    assert not mapper.map([*few, (NOW_MS, "Other@example.com" if column == "email" else "9.9.9.9")]).warnings
    assert [each.code for each in mapper.map(all_same).warnings] == ["id_constant"] * 50
    assert [each.code for each in mapper.map(few).warnings] == ["id_constant"] * 19


def test_an_ipv6_address_beside_another_identifier_is_left_out_with_a_warning() -> None:
    event, warning = warning_of({"ip_address": "2001:db8::1", "email": "test@example.com"})
    assert warning.code == "ip_version_6"
    assert [each.id_type for each in event.user.user_ids] == ["SHA256_EMAIL"]


HASHED_IP = "d3c1f772b9e69331fd5d6ee187ac94be503ab0ddbd00f2f4a63dfdc54b1f5f27"


@pytest.mark.parametrize("address", ["81.2.69.142", HASHED_IP, HASHED_IP.upper(), f" {HASHED_IP} "])
def test_a_hashed_address_is_passed_on_and_a_plain_one_hashed(address: str) -> None:
    assert id_of({"SHA256_IP_ADDRESS": address}) == ("SHA256_IP_ADDRESS", HASHED_IP)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("2001:db8::1", "ip_version_6"),
        (HASHED_IP[:32], "ip_hash_invalid"),
        ("x", "ip_hash_invalid"),
        (7, "ip_hash_invalid"),
        (sha256(b"").hexdigest(), "hash_of_nothing"),
    ],
)
def test_an_invalid_hashed_address_is_rejected(address: object, code: str) -> None:
    assert rejection_of({"SHA256_IP_ADDRESS": address}).code == code


@pytest.mark.parametrize("column", ["li_fat_id", "ACXIOM_ID", "GOOGLE_AID"])
@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("DF5gf5-gh6t7-ph4j7h-fgf6n1", "DF5gf5-gh6t7-ph4j7h-fgf6n1"),
        (" a1 ", "a1"),
        (123, "123"),
        (123.0, "123"),
        (Decimal("123"), "123"),
        (Decimal("123.00"), "123"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (b"abc", "abc"),
        ("Zoë", "Zoë"),
    ],
)
def test_other_ids_are_passed_on_as_they_are(column: str, value: object, sent: str) -> None:
    assert id_of({column: value})[1] == sent


@pytest.mark.parametrize("column", ["li_fat_id", "ACXIOM_ID", "GOOGLE_AID", "externalIds", "lead"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("null", "id_placeholder"),
        ("undefined", "id_placeholder"),
        ("N/A", "id_placeholder"),
        ("\\N", "id_placeholder"),
        ("x" * 257, "id_too_long"),
        ("a\x00bcdefghijkl", "id_invalid"),
        ("a\nbcdefghijklm", "id_invalid"),
        ("\ud800abcdefghijkl", "id_invalid"),
        (1.5, "id_invalid"),
        (2.0**60, "id_invalid"),
        (float("inf"), "id_invalid"),
        (Decimal("1.5"), "id_invalid"),
        (Decimal("1e9999"), "id_invalid"),
        pytest.param(10**5000, "id_invalid", id="5001 digits"),
        (True, "id_invalid"),
        ({"id": 1}, "id_invalid"),
        (b"\xff\xfe", "id_invalid"),
    ],
)
def test_an_invalid_id_is_rejected(column: str, value: object, code: str) -> None:
    named = {"externalIds": "external_id_invalid", "lead": "lead_invalid"}
    assert rejection_of({column: value}).code == (named.get(column, code) if code == "id_invalid" else code)


def test_the_text_of_a_javascript_object_is_rejected_as_id() -> None:
    assert rejection_of({"li_fat_id": "[object Object]"}).code == "id_placeholder"


def test_the_advertising_id_of_people_who_opted_out_is_rejected() -> None:
    assert rejection_of({"GOOGLE_AID": "00000000-0000-0000-0000-000000000000"}).code == "google_aid_zero"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("crm-000123", "crm-000123"),
        ("crm 12", "crm 12"),
        (123, "123"),
        (123.0, "123"),
        (["crm-000123"], "crm-000123"),
        (("crm-000123",), "crm-000123"),
        ([None, "crm-000123", ""], "crm-000123"),
        ('["crm-000123"]', "crm-000123"),
        ("[123]", "123"),
        ('["a\\"b"]', 'a"b'),
    ],
)
def test_one_external_id_is_taken_from_text_a_list_or_json(value: object, sent: str) -> None:
    assert event_of({"externalIds": value}).user.external_ids == (sent,)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (["a1", "b2"], "external_ids_many"),
        ('["a1", "b2"]', "external_ids_many"),
        ('["a1"', "external_id_invalid"),
        ('["\\ud800"]', "external_id_invalid"),
        ([["a1"]], "external_id_invalid"),
        ([{"id": "a1"}], "external_id_invalid"),
        ("[" * 100_000, "external_id_invalid"),
        ([], "no_identifier"),
        ("[]", "no_identifier"),
        ("[null]", "no_identifier"),
    ],
)
def test_anything_but_one_external_id_is_rejected(value: object, code: str) -> None:
    assert rejection_of({"externalIds": value}).code == code


@pytest.mark.parametrize(
    "value",
    [
        "4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2",
        "urn:li:leadGenFormResponse:4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2",
        " urn:li:leadGenFormResponse:4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2\n",
    ],
)
def test_a_lead_is_taken_bare_or_as_urn(value: str) -> None:
    event = event_of({"lead": value})
    assert event.user.lead == "urn:li:leadGenFormResponse:4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2"
    assert event.user.user_ids == ()


@pytest.mark.parametrize("value", ["00Q5e000009AbCdEAV", "Inbound", "Yes", "1", 1, 123456789, "2026-11-26"])
def test_a_lead_of_another_system_is_left_out(value: object) -> None:
    event, warning = warning_of({"Lead": value, "email": "test@example.com"})
    assert (warning.field, warning.code) == ("lead", "lead_of_others")
    assert event.user.lead is None
    assert rejection_of({"Lead": value}).code == "lead_of_others"


def test_a_column_mapped_to_lead_may_hold_any_id() -> None:
    event = event_of({"Lead Number": 123}, column_mapping={"Lead Number": "lead"})
    assert event.user.lead == "urn:li:leadGenFormResponse:123"
    assert event_of({"lead": "urn:li:leadGenFormResponse:123"}).user.lead == "urn:li:leadGenFormResponse:123"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("urn:li:leadGenForm:123", "lead_wrong_urn"),
        ("urn:li:person:123", "lead_wrong_urn"),
        ("URN:LI:LEADGENFORMRESPONSE:123", "lead_wrong_urn"),
        ("urn:li:leadGenFormResponse:", "lead_wrong_urn"),
        ("12 3", "lead_invalid"),
        ("a/b", "lead_invalid"),
    ],
)
def test_an_invalid_lead_is_rejected(value: str, code: str) -> None:
    assert rejection_of({"lead": value}).code == code


def test_ids_are_sent_in_one_order_whatever_the_order_of_the_columns() -> None:
    row = {
        "GOOGLE_AID": "38400000-8cf0-11bd-b23e-10b96e40000d",
        "ip_address": "81.2.69.142",
        "ACXIOM_ID": "XI1234567890",
        "email": "test@example.com",
        "li_fat_id": "df5gf5-gh6t7-ph4j7h-fgf6n1",
        "SHA256_IP_ADDRESS": HASHED_IP,
    }
    backwards = dict(reversed(row.items()))
    assert event_of(row) == event_of(backwards)
    assert [each.id_type for each in event_of(row).user.user_ids] == [
        "SHA256_EMAIL",
        "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
        "ACXIOM_ID",
        "PLAINTEXT_IP_ADDRESS",
        "SHA256_IP_ADDRESS",
        "GOOGLE_AID",
    ]


@pytest.mark.parametrize("column", ["email", "ip_address", "SHA256_IP_ADDRESS", "li_fat_id", "externalIds", "lead"])
def test_no_message_holds_the_value(column: str) -> None:
    for value in ("secret value, 1@2@3", "secret:value,1"):
        for rejection in mapped({column: value}).rejections:
            assert "secret" not in rejection.message
        for warning in mapped({column: value, "ACXIOM_ID": "A1"}).warnings:
            assert "secret" not in warning.message
