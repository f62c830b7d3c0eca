"""What a row of a file comes to: checked values, or problems and what repairs them."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.spreadsheets import harmless, restored
from overlaps.cells import (
    BLANK,
    KINDS,
    LENGTHS,
    REPAIRS,
    Check,
    Corrections,
    Findings,
    Known,
    Problem,
    problem_of,
    written,
)
from overlaps.columns import CUSTOM, LABELS, SKIP, Mapping, plain, recognise
from overlaps.tables import read

DEFAULT = "prospects"


def check(cells: dict[str, str], corrections: dict | None = None, *, number: int = 2, **mapping):
    """One row whose columns are called by the fields they fill, or by the names of custom fields."""
    targets = {name: name if name in LABELS else f"{CUSTOM}{name}" for name in cells}
    made = Corrections.from_json({"values": {}, "choices": {}, "rows": {}, **(corrections or {})})
    return Check([*cells], Mapping(targets, **mapping), made).values_of(number, [*cells.values()])


def value(field: str, text: str):
    return check({"name": "Acme", field: text}).values[field]


def problems(cells: dict[str, str], *args, **mapping) -> list[tuple[str, str]]:
    return [(problem.code, problem.field) for problem in check(cells, *args, **mapping).problems]


# -- values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("", None), ("0", 0), ("84000", 84000), ("84,000", 84000), ("84.000", 84000), ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"), ("1,234,567.89", "1234567.89"), ("1.234.567,89", "1234567.89"), ("1 234,5", "1234.5"),
        ("1\u00a0234,50", "1234.5"), ("1'234.50", "1234.5"), ("$84,000.00", 84000), ("€ 84 000", 84000),
        ("84 000 €", 84000), ("USD 84,000", 84000), ("84000 EUR", 84000), ("US$ 12", 12), ("-5", -5), ("12.5", "12.5"),
        ("0.5", "0.5"), ("999999999999.99", "999999999999.99"), ("1,234.567", "1234.57"), ("84.1250", "84.12"),
        ("(1,234.50)", "-1234.5"), ("($12)", -12), ("-$12", -12), ("- 12", -12), ("−12", -12), ("$-12", -12),
        ("kr 500", 500), ("500 zł", 500), ("CHF 1'000", 1000), ("US $12", 12), ("12€", 12), ("N/A", None),
        ("-", None), ("nan", None), ("'-5", -5), (" 12 ", 12),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text, amount):
    assert value("amount", text) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12", ""), ("€12", "EUR"), ("12 €", "EUR"), ("12 EUR", "EUR"), ("USD 12", "USD"), ("US$ 12", "USD"),
        ("$12", "$"), ("C$12", "CAD"), ("CA$ 12", "CAD"), ("£12", "GBP"), ("¥12", "¥"), ("12 kr", "kr"),
        ("kr. 12", "kr"), ("12 zł", "PLN"), ("R$ 12", "BRL"), ("₹12", "INR"), ("CHF 12", "CHF"), ("US $12", "USD"),
    ],
)  # fmt: skip
def test_the_currency_is_kept_as_far_as_it_is_said(text, currency):
    assert value("amount", text) == 12
    assert check({"name": "Acme", "amount": text}).values["currency"] == currency


@pytest.mark.parametrize(
    ("amount", "column", "currency"),
    [
        ("12", "eur", "EUR"), ("$12", "CAD - Canadian dollar", "$"), ("12", "€", "EUR"), ("12", "money", ""),
        ("", "GBP", "GBP"),
    ],
)  # fmt: skip
def test_a_column_may_say_the_currency_and_the_cell_goes_before(amount, column, currency):
    assert check({"name": "Acme", "amount": amount, "currency": column}).values["currency"] == currency


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250", 250), ("1,200", 1200), ("1.200", 1200), ("250.0", 250), ("51-200", 51), ("51 – 200", 51),
        ("10,001+", 10001), ("11 to 50", 11), ("200 employees", 200), (">500", 500), ("0", 0), ("n/a", None),
    ],
)  # fmt: skip
def test_employees_are_a_number_of_a_range_its_low_end(text, expected):
    assert value("employees", text) == expected


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a", ["a"]), ("a; b,c|d", ["a", "b", "c", "d"]), (" a ;; A ", ["A"]), (";", None),
        ("two words", ["two words"]),
    ],
)  # fmt: skip
def test_tags_are_several_in_a_cell_each_once(text, tags):
    assert value("tags", text) == tags


@pytest.mark.parametrize(
    ("column", "text", "number"),
    [
        ("LEI", "5493001KJTIIGC8Y1R12", "LEI 5493001KJTIIGC8Y1R12"),
        ("Company number", "LEI: 5493001KJTIIGC8Y1R12", "LEI 5493001KJTIIGC8Y1R12"),
        ("Duns Number", "15-048-3782", "DUNS 15-048-3782"),
        ("D-U-N-S", "50483782", "DUNS 050483782"),  # a spreadsheet took the zero away
        ("VAT ID", "DE123456789", "VAT DE123456789"),
        ("USt-IdNr", "DE 123 456 789", "VAT DE 123 456 789"),
        ("Company number", "HRB 12345", "HRB 12345"),
        ("Company number", "none", ""),
    ],
)
def test_a_company_number_says_its_scheme_where_the_column_does(column, text, number):
    checked = Check(["Name", column], Mapping({"Name": "name", column: "company_number"})).values_of(
        2, ["A", text]
    )
    assert (checked.values["company_number"], checked.problems) == (number, [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("Germany", "DE"), (" deutschland ", "DE"),
        ("United States", "US"), ("U.S.A.", "US"), ("UK", "GB"), ("Côte d'Ivoire", "CI"),
        ("Atlantis", ""), ("", ""), ("Berlin, Germany", ""), ("EU", ""),
    ],
)  # fmt: skip
def test_countries_have_codes_and_names(text, code):
    assert value("country", text) == code


@pytest.mark.parametrize("text", ["#N/A", "n/a", "NULL", "(null)", "-", "—", "?", "#REF!", "None", " nan "])
def test_what_exports_write_for_nothing_is_nothing(text):
    assert problems({"name": text, "domain": text, "country": text, "amount": text, "employees": text}) == [
        ("no_name", "")
    ]
    assert check({"name": "Acme", "owner_email": text, "stage": text, "X": text}).values == {
        **BLANK, "name": "Acme", "custom": {"X": plain(text)},
    }  # fmt: skip


def test_a_name_is_taken_from_the_domain_where_there_is_none():
    values = check({"domain": "https://www.acme.com/about"}).values
    assert (values["name"], values["domain"], values["domain_key"]) == ("acme.com", "acme.com", "acme.com")


def test_columns_that_a_workspace_keeps_for_itself_come_along():
    values = check({"name": "Acme", "Region": " EMEA\n north ", "Tier": ""}).values
    assert values["custom"] == {"Region": "EMEA north"}
    assert check({"name": "Acme", "Tier": ""}).values["custom"] is None


def test_a_column_that_fills_nothing_is_not_looked_at():
    mapping = Mapping({"Name": "name", "Amount": "", "Other": "name"})
    checked = Check(["Name", "Amount", "Other", "New"], mapping).values_of(2, ["Acme", "much", "x", "y"])
    assert checked == ({**BLANK, "name": "Acme"}, [])


@pytest.mark.parametrize(
    ("cells", "population"),
    [
        ({}, ""),  # an account that is known stays where it is; the default is for new ones
        ({"stage": "customer"}, "customers"),
        ({"stage": "Evangelist"}, "customers"),
        ({"stage": "Opportunity"}, "open_opportunities"),
        ({"stage": "marketingqualifiedlead"}, "prospects"),
        ({"stage": "Sales Qualified Lead"}, "prospects"),
        ({"stage": "Churned"}, ""),
        ({"stage": ""}, ""),
        ({"population": "Open opportunities"}, "open_opportunities"),
        ({"population": "open_opportunities"}, "open_opportunities"),
        ({"population": "Customers", "stage": "Opportunity"}, "customers"),
        ({"population": "", "stage": "Opportunity"}, "open_opportunities"),
    ],
)
def test_the_population_comes_from_the_stage(cells, population):
    assert check({"name": "Acme", **cells}, default="customers").values["population"] == population


def test_a_person_decides_which_population_a_value_means():
    chosen = {"churned": "prospects", "customer": "open_opportunities", "partner": SKIP, "vip": ""}

    def population(**cells):
        values, found = check({"name": "Acme", **cells}, populations=chosen)
        assert not found
        return values and values["population"]

    assert population(stage="Churned!") == "prospects"
    assert population(stage="CUSTOMER") == "open_opportunities"
    assert population(stage="Partner") is None
    assert population(population="partner", stage="Lead") is None
    assert population(population="VIP", stage="Lead") == "prospects"
    assert population(population="VIP") == ""


# -- problems ---------------------------------------------------------------------------------------------------

ERRORS = [
    ({"name": ""}, "no_name", "It has neither a name nor a company’s own domain."),
    ({"name": " ", "domain": "gmail.com"}, "no_name", "neither a name nor"),
    ({"domain": "N/A"}, "no_name", "neither a name nor"),
    ({"name": "x" * 201}, "too_long", "Name is longer than 200 characters."),
    ({"name": "Acme", "domain": "x" * 3000}, "too_long", "Domain is longer than 2,000"),
    ({"name": "Acme", "stage": "x" * 101}, "too_long", "Stage is longer than 100"),
    ({"name": "Acme", "record_id": "x" * 130_000}, "too_long", "Record ID is longer than 100"),
    ({"name": "Acme", "amount": "12 apples"}, "bad_amount", "The amount “12 apples” is not a number."),
    ({"name": "Acme", "amount": "1e400"}, "bad_amount", "is not a number"),
    ({"name": "Acme", "amount": "٣"}, "bad_amount", "is not a number"),
    ({"name": "Acme", "amount": "9" * 41}, "bad_amount", "is not a number"),
    ({"name": "Acme", "amount": "1 " * 2_000}, "bad_amount", "is not a number"),
    ({"name": "Acme", "amount": "9" * 38}, "large_amount", "is too large"),
    ({"name": "Acme", "amount": "1000000000000"}, "large_amount", "is too large"),
    ({"name": "Acme", "amount": "999999999999.999"}, "large_amount", "is too large"),
    (
        {"name": "Acme", "contact_email": "jane at acme"},
        "bad_email",
        "The contact e-mail “jane at acme” is not an",
    ),
    ({"name": "Acme", "contact_email": "a@b.c\nBcc: x@y.z"}, "bad_email", "is not an address"),
    ({"name": "Acme", "owner_email": "@"}, "bad_email", "The owner e-mail “@” is not an address."),
    (
        {"name": "Acme", "population": "Friends"},
        "unknown_population",
        "“Friends” is not known: Customers, Open",
    ),
]
WARNINGS = [
    ({"domain": "gmail.com"}, "mail_provider", "“gmail.com” is a mail provider’s", {"domain": "gmail.com"}),
    ({"domain": "x.github.io"}, None, "", {"domain": "x.github.io"}),
    ({"domain": "linkedin.com/company/acme"}, "hosting_domain", "is a platform’s", {"domain_key": ""}),
    ({"domain": "not a domain"}, "bad_domain", "is no domain and is left out", {"domain": ""}),
    ({"domain": "192.168.0.1"}, "bad_domain", "is no domain", {"domain": ""}),
    ({"country": "Atlantis"}, "unknown_country", "The country “Atlantis” is not known", {"country": ""}),
    ({"employees": "many"}, "bad_number", "“many” is no number of employees", {"employees": None}),
    (
        {"company_number": "LEI 5493001KJTIIGC8Y1R13"},
        "bad_company_number",
        "can’t be right",
        {"company_number": ""},
    ),
    ({"company_number": "DUNS 12"}, "bad_company_number", "can’t be right", {"company_number": ""}),
    ({"tags": "x" * 60}, "shortened", "Tags was shortened to 40 characters.", {"tags": ["x" * 40]}),
    ({"tags": ";".join(map(str, range(99)))}, "shortened", "Tags", {"tags": [*map(str, range(20))]}),
    ({"X": "x" * 1_001}, "shortened", "X was shortened to 1,000 characters.", {"custom": {"X": "x" * 1_000}}),
]


@pytest.mark.parametrize(("cells", "code", "words"), ERRORS)
def test_a_row_that_can_not_be_taken_says_why(cells, code, words):
    values, found = check(cells)
    assert values is None
    assert [problem.code for problem in found if problem.is_error] == [code]
    assert words in found[-1].sentence and len(found[-1].sentence) < 200


@pytest.mark.parametrize(("cells", "code", "words", "kept"), WARNINGS)
def test_a_value_that_can_not_be_used_is_left_out_and_the_row_is_taken(cells, code, words, kept):
    values, found = check({"name": "Acme", **cells})
    assert [problem.code for problem in found] == ([code] if code else [])
    assert values.items() >= kept.items() and values["name"] == "Acme"
    assert not found or (words in found[0].sentence and not found[0].is_error)


def test_every_code_has_a_repair_and_every_problem_a_sentence():
    for code, kind in KINDS.items():
        assert kind.repairs and {*kind.repairs} <= {*REPAIRS}
        sentence = Problem(code, "name", "raw").sentence
        assert sentence.endswith(".") and "{" not in sentence
        assert kind.title == kind.title.strip(".")
    shown = {case[1] for case in (*ERRORS, *WARNINGS)} - {None}
    assert {*KINDS} - shown == {"wrong_cell_count", "duplicate_in_file"}


def test_all_problems_of_a_row_are_told():
    assert problems({"name": "", "domain": "gmail.com", "amount": "much", "country": "Atlantis"}) == [
        ("mail_provider", "domain"), ("bad_amount", "amount"), ("unknown_country", "country"), ("no_name", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "taken"),
    [
        (["Acme", "DE"], True),
        (["Acme", "DE", "", " "], True),
        (["Acme"], False),
        ([], False),
        (["Acme", "DE", "x"], False),
        ([""] * 5_000 + ["x"], False),
    ],
)
def test_a_row_has_as_many_cells_as_the_header(cells, taken):
    found = Check(["Name", "Land"], Mapping({"Name": "name", "Land": "country"})).values_of(2, cells)
    if taken:
        assert found.values["country"] == "DE"
    else:
        assert found.values is None
        assert found.problems[0].sentence == (
            f"It has {len(cells):,} cell{'s' * (len(cells) != 1)}, the first row has 2."
        )


def test_findings_are_grouped_by_what_repairs_them():
    findings = Findings()
    for number in range(2, 3_000):
        country = "Atlantis" if number % 3 else f"Nowhere {number}"
        findings.add(
            number, check({"name": "Acme", "amount": "much" * (number < 9), "country": country}).problems
        )
    error, warning = findings.groups()

    assert (error.code, error.field, error.rows, error.values) == ("bad_amount", "amount", 7, [("much", 7)])
    assert (error.numbers, error.kind.is_error) == ([*range(2, 9)], True)
    assert (warning.code, warning.rows, len(warning.values), warning.values[0]) == (
        "unknown_country", 2_998, 20, ("Atlantis", 1_999),
    )  # fmt: skip
    assert (len(warning.numbers), len(findings.values["unknown_country", "country"])) == (20, 500)


def test_what_repeats_is_read_once_and_forgotten_before_it_grows():
    read_cells = []
    known = Known(lambda cell: read_cells.append(cell) or cell)
    for n in range(3 * Known.MOST):
        assert known[str(n)] == known[str(n)] == str(n)
        assert known["x" * 500] == "x" * 500
    assert len(known) <= Known.MOST
    assert len([cell for cell in read_cells if len(cell) < 9]) == 3 * Known.MOST


# -- corrections ------------------------------------------------------------------------------------------------

MUCH = {"name": "Acme", "amount": "much", "country": "Atlantis"}


def test_one_value_is_put_right_wherever_it_stands():
    values, found = check(MUCH, {"values": {"amount": {"much": "€ 12"}, "country": {"Atlantis": "Greece"}}})
    assert (values["amount"], values["currency"], values["country"], found) == (12, "EUR", "GR", [])
    assert problems(MUCH, {"values": {"amount": {"more": "12"}}}) == [
        ("bad_amount", "amount"), ("unknown_country", "country"),
    ]  # fmt: skip


def test_a_value_is_known_again_however_it_is_written():
    found = check({"name": "Acme", "amount": " much \n more "}).problems[0]
    assert found.raw == "much more"
    assert (
        check({"name": "Acme", "amount": " much \n more "}, {"values": {"amount": {found.raw: "1"}}}).values[
            "amount"
        ]
        == 1
    )
    long = "x" * 400
    found = check({"name": "Acme", "stage": long}).problems[0]
    assert (
        check({"name": "Acme", "stage": long}, {"values": {"stage": {found.raw: "Lead"}}}).values["stage"]
        == "Lead"
    )


@pytest.mark.parametrize(
    ("cells", "choices", "expected"),
    [
        (MUCH, {"bad_amount": "empty"}, {"amount": None}),
        (MUCH, {"bad_amount": "use:5"}, {"amount": 5}),
        ({"name": "Acme", "amount": "9" * 20}, {"large_amount": "empty"}, {"amount": None}),
        ({"name": "x" * 300}, {"too_long": "cut"}, {"name": "x" * 200}),
        ({"name": "x" * 300, "domain": "acme.com"}, {"too_long": "empty"}, {"name": "acme.com"}),
        (
            {"name": "Acme", "owner_email": "x"},
            {"bad_email": "use:a@acme.com"},
            {"owner_email": "a@acme.com"},
        ),
        (
            {"name": "Acme", "population": "x"},
            {"unknown_population": "use:Customers"},
            {"population": "customers"},
        ),
        ({"name": "Acme", "population": "x"}, {"unknown_population": "empty"}, {"population": ""}),
        (
            {"name": "Acme", "domain": "gmail.com"},
            {"mail_provider": "empty"},
            {"domain": "", "domain_key": ""},
        ),
        (
            {"name": "Acme", "domain": "gmail.com"},
            {"mail_provider": "use:acme.com"},
            {"domain_key": "acme.com"},
        ),
        ({"name": "Acme", "country": "x"}, {"unknown_country": "use:DE"}, {"country": "DE"}),
        ({"name": "Acme", "X": "x" * 2000}, {"shortened": "empty"}, {"custom": None}),
    ],
)
def test_one_choice_repairs_all_of_a_kind(cells, choices, expected):
    values, found = check(cells, {"choices": choices})
    assert values.items() >= expected.items()
    assert not any(problem.code in choices for problem in found)


@pytest.mark.parametrize("code", KINDS)
def test_rows_with_a_problem_can_be_skipped(code):
    cells = next((case[0] for case in (*ERRORS, *WARNINGS) if case[1] == code), None)
    if cells and "skip" in KINDS[code].repairs:
        assert check({"name": "Acme", **cells}, {"choices": {code: "skip"}}) == (None, [])


def test_a_choice_that_repairs_nothing_is_told():
    assert problems(MUCH, {"choices": {"bad_amount": "use:many"}})[0] == ("bad_amount", "amount")
    assert problems({"name": "Acme", "population": "x"}, {"choices": {"unknown_population": "use:y"}}) == [
        ("unknown_population", "population")
    ]


@pytest.mark.parametrize(("cells", "country"), [(["Acme"], ""), (["Acme", "DE", "x"], "DE")])
def test_rows_of_another_width_can_be_fitted_or_skipped(cells, country):
    mapping = Mapping({"Name": "name", "Land": "country"})
    fitted = Check(["Name", "Land"], mapping, Corrections(choices={"wrong_cell_count": "fit"}))
    assert fitted.values_of(2, cells).values["country"] == country
    skipped = Check(["Name", "Land"], mapping, Corrections(choices={"wrong_cell_count": "skip"}))
    assert skipped.values_of(2, cells) == (None, [])


def test_one_row_is_put_right_by_its_number_in_columns_that_the_file_lacks_too():
    rows = {"2": {"amount": "12", "domain": "acme.com", f"{CUSTOM}Region": "EMEA", "population": "Customers"}}
    values, found = check(MUCH, {"rows": rows})
    assert (values["amount"], values["domain_key"], values["custom"], values["population"]) == (
        12, "acme.com", {"Region": "EMEA"}, "customers",
    )  # fmt: skip
    assert [problem.code for problem in found] == ["unknown_country"]
    assert check(MUCH, {"rows": rows}, number=3).values is None
    assert problems({"name": "", "country": "x"}, {"rows": {"2": {"name": "Acme", "country": ""}}}) == []
    assert problems(MUCH, {"rows": {"2": {"amount": "more"}}})[-1] == ("bad_amount", "amount")


def test_corrections_come_back_from_json():
    made = Corrections(
        {"amount": {"a": "1"}}, {"bad_amount": "use:5", "no_name": "skip"}, {7: {"name": "Acme"}}
    )
    assert Corrections.from_json(json.loads(json.dumps(made.as_json()))) == made


@pytest.mark.parametrize(
    "value_",
    [
        None,
        [],
        {},
        {"values": {}, "choices": {}},
        {"values": {"secret": {}}, "choices": {}, "rows": {}},
        {"values": {"name": 3}, "choices": {}, "rows": {}},
        {"values": {"name": {"a": None}}, "choices": {}, "rows": {}},
        {"values": {}, "choices": {"bad": "empty"}, "rows": {}},
        {"values": {}, "choices": {"no_name": "empty"}, "rows": {}},
        {"values": {}, "choices": {"bad_amount": "delete"}, "rows": {}},
        {"values": {}, "choices": {"bad_amount": None}, "rows": {}},
        {"values": {}, "choices": {}, "rows": {"x": {}}},
        {"values": {}, "choices": {}, "rows": {"1": {"id": "x"}}},
        {"values": {}, "choices": {}, "rows": {"1": {"name": []}}},
    ],
)
def test_what_are_no_corrections_is_refused(value_):
    with pytest.raises(ValueError, match="no corrections|There is no|is no repair"):
        Corrections.from_json(value_)


def test_what_a_person_types_is_checked_alone():
    assert problem_of("amount", "12") is None
    assert problem_of("amount", "much").sentence == "The amount “much” is not a number."
    assert problem_of("company_number", "x", column="LEI").code == "bad_company_number"
    assert problem_of("population", "Friends").code == "unknown_population"


# -- out and in again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0", "''=x", "';=x"],
)
def test_a_formula_is_text_here_and_harmless_when_it_leaves(cell):
    assert harmless(cell).startswith("'")
    assert restored(harmless(cell)) == cell
    assert check({"name": harmless(cell)}).values["name"] == cell


@hypothesis_settings(deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from("'=+-@|%;\t\r\n\0"), st.characters()), max_size=40))
def test_what_is_made_harmless_is_restored_exactly(text):
    assert restored(harmless(text)) == text
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r", "\0"))


WORDS = st.text(
    alphabet=st.one_of(st.sampled_from("'=+-@;,|\t\n\"aÄé🙂0"), st.characters(codec="utf-8")), max_size=30
)
FIELDS = {
    "domain": st.sampled_from(
        ["", "acme.com", "gmail.com", "https://www.birch.de/x", "linkedin.com/company/x", "x y"]
    ),
    "country": st.sampled_from(["", "DE", "Germany", "Atlantis"]),
    "population": st.sampled_from(["", "Customers", "lead", "Open deal"]),
    "owner_email": st.sampled_from(["", "a@acme.com", "o'hara@acme.com"]),
    "contact_email": st.sampled_from(["", "b@acme.com"]),
    "amount": st.sampled_from(["", "0", "12", "-1.234,50 €", "$ 99.999", "(7)", "kr 5"]),
    "currency": st.sampled_from(["", "EUR", "usd", "$"]),
    "company_number": st.sampled_from(
        ["", "LEI 5493001KJTIIGC8Y1R12", "HRB 12", "duns 15-048-3782", "VAT DE1"]
    ),
    "employees": st.sampled_from(["", "0", "12", "51-200", "many"]),
}
ACCOUNTS = st.fixed_dictionaries({**{field: FIELDS.get(field, WORDS) for field in LABELS}, "Region": WORDS})


@hypothesis_settings(deadline=None)
@given(st.lists(ACCOUNTS, max_size=4), st.sampled_from([",", ";", "\t"]))
def test_what_is_exported_comes_in_as_it_was(accounts, separator):
    """import(export(x)) = x, for what an import can have made."""
    once = [checked.values for cells in accounts if (checked := check(cells)).values]
    out = io.StringIO()
    lines = csv.writer(out, delimiter=separator)
    lines.writerow([*LABELS.values(), "Region"])
    lines.writerows([harmless(cell) for cell in written(values, custom=["Region"])] for values in once)

    with read(out.getvalue().encode("utf-8-sig")) as table:
        mapping = Mapping.proposed(recognise(table.header))
        again = Check(table.header, Mapping({**mapping.columns, "Region": f"{CUSTOM}Region"}))
        assert table.separator == separator
        assert [again.values_of(*row).values for row in table.rows()] == once


@hypothesis_settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=24), st.permutations([*LABELS, f"{CUSTOM}X"]))
def test_any_cells_under_any_mapping_are_values_or_problems(cells, targets):
    header = [f"c{n}" for n in range(17)]
    mapping = Mapping(dict(zip(header, targets, strict=True)))
    values, found = Check(header, mapping).values_of(2, cells)
    assert (values is None) == any(problem.is_error for problem in found)
    assert all(problem.sentence for problem in found)
    for field, length in LENGTHS.items():
        assert values is None or len(str(values[field] or "")) <= length
