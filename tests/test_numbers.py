"""Numbers of registers in one form; everything else is somebody's own and none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overlaps.numbers import number_key


@pytest.mark.parametrize(
    ("text", "country", "key"),
    [
        ("HWUPKR0MPOU8FGXBT394", "", "lei:HWUPKR0MPOU8FGXBT394"),
        ("LEI: hwupkr0mpou8fgxbt394", "US", "lei:HWUPKR0MPOU8FGXBT394"),
        ("12-345-6789", "", "duns:123456789"),
        ("D-U-N-S No. 123456789", "US", "duns:123456789"),
        ("DE 143 454 214", "", "DE-vat:143454214"),
        ("NL004495445B01", "", "NL-vat:004495445B01"),
        ("PL7740001454", "", "PL-vat:7740001454"),
        ("94-2404110", "US", "US:942404110"),
        ("SC123456", "GB", "GB:SC123456"),
        ("00214436", "GB", "GB:00214436"),
        ("FN 93363z", "AT", "AT:93363Z"),
        ("33 051 775 556", "AU", "AU:33051775556"),
        ("33.000.167/0001-01", "BR", "BR:33000167"),
        ("914403001922038216", "CN", "CN:914403001922038216"),
        ("1180301018771", "JP", "JP:1180301018771"),
        ("U72200MH1995PLC084781", "IN", "IN:U72200MH1995PLC084781"),
    ],
)
def test_a_number_has_one_form(text, country, key):
    assert number_key(text, country) == key


@pytest.mark.parametrize(
    ("register", "country", "tax"),
    [
        ("552 032 534", "FR", "FR27552032534"),
        ("0417.497.106", "BE", "BE0417497106"),
        ("24256790", "DK", "DK24256790"),
        ("923 609 016", "NO", "NO923609016MVA"),
        ("556012-5790", "SE", "SE556012579001"),
        ("0112038-9", "FI", "FI01120389"),
        ("00905811006", "IT", "IT00905811006"),
        ("CHE-105.909.036", "CH", "CHE-105.909.036 MWST"),
        ("A15075062", "ES", "ESA15075062"),
        ("504499777", "PT", "PT504499777"),
    ],
)
def test_the_tax_number_that_is_made_of_it_is_the_same(register, country, tax):
    assert number_key(register, country) == number_key(tax) == number_key(tax, country) != ""


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("", ""), ("1", "US"), ("12345", "GB"), ("00000123", "GB"), ("000000000", "FR"), ("111111111", "NO"),
        ("123456789", "FR"), ("552032535", "FR"), ("552032534", ""), ("HWUPKR0MPOU8FGXBT395", ""), ("DE143454215", ""),
        ("ACC-000123456", "US"), ("0013000000ABCDE", "DE"), ("N/A", "DE"), ("942404110", "US"), ("LEI 552032534", "FR"),
        ("x" * 1_000_000, "DE"), ("１２３", "FR"), ("123456789012345678901234567890", "IT"),
    ],
)  # fmt: skip
def test_what_is_no_number_of_a_register_is_none(text, country):
    assert number_key(text, country) == ""


def test_rows_that_somebody_numbered_have_no_numbers():
    own = [
        number_key(f"{n:08}", country) for n in range(1, 3_000) for country in ("GB", "NL", "DE", "US", "IT")
    ]
    assert set(own) == {""}


@given(st.text(max_size=40), st.sampled_from(["", "DE", "FR", "CN", "BR", "ES", "XX"]))
def test_any_text_gives_a_number_or_none(text, country):
    key = number_key(text, country)
    assert key == "" or (key.isascii() and ":" in key and "\t" not in key)
