"""What the columns of a file are taken for, by their names and by what stands in them."""

import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from overlaps.columns import (
    CUSTOM,
    EXAMPLE,
    FILE,
    LABELS,
    OURS,
    SKIP,
    Mapping,
    fields_of,
    fingerprint,
    plain,
    propose_population,
    recognise,
    simple,
    sources,
    survey,
)

# Headers as these systems write them, and for each the field that it fills.
EXPORTS = {
    "HubSpot": {
        "Record ID": "record_id", "Company name": "name", "Company Domain Name": "domain",
        "Lifecycle Stage": "stage", "Company owner": "owner_name", "Country/Region": "country",
        "Industry": "industry", "Number of Employees": "employees", "Annual Revenue": "", "Create Date": "",
    },
    "HubSpot deals": {
        "Record ID": "record_id", "Deal Name": "", "Deal Stage": "stage", "Amount": "amount",
        "Deal owner": "owner_name", "Close Date": "", "Associated Company": "name", "Email Opt Out": "",
    },
    "Salesforce": {
        "Account Owner": "owner_name", "Account Name": "name", "Type": "stage", "Rating": "",
        "Last Activity": "", "Billing State/Province": "", "Billing Country": "country", "Website": "domain",
        "Account ID": "record_id", "Employees": "employees", "Account Owner Email": "owner_email",
    },
    "Salesforce by API names": {
        "Id": "record_id", "IsDeleted": "", "Name": "name", "Type": "stage", "BillingCountry": "country",
        "Website": "domain", "OwnerId": "", "NumberOfEmployees": "employees", "DunsNumber": "company_number",
    },
    "Pipedrive": {
        "Organization - Name": "name", "Organization - Website": "domain", "Organization - Owner": "owner_name",
        "Organization - Labels": "stage", "Organization - ID": "record_id", "Organization - Address": "",
        "Organization - Country of Address": "country", "Organization - Number of employees": "employees",
    },
    "Attio": {
        "Record ID": "record_id", "Record": "name", "Domains": "domain", "Categories": "tags",
        "Primary location > Country": "country", "Employee range": "employees", "Connection strength": "",
    },
    "Apollo": {
        "Company": "name", "Company Name for Emails": "", "Website": "domain", "# Employees": "employees",
        "Industry": "industry", "Account Owner": "owner_name", "Company Country": "country",
        "Apollo Account Id": "record_id", "Company Phone": "", "Lists": "tags", "Account Stage": "stage",
    },
    "Zoho": {
        "Record Id": "record_id", "Account Owner.id": "", "Account Owner": "owner_name", "Account Name": "name",
        "Website": "domain", "Account Type": "stage", "Tag": "tags", "Industry": "industry",
        "Billing Country": "country",
    },
    "Crossbeam": {
        "Record": "name", "Our Populations": "population", "Partner Populations": "",
        "Account Owner Name": "owner_name", "Billing Country": "country", "Industry": "industry",
        "Overlap Time": "", "Opportunities Amount": "amount", "Website": "domain",
    },
    "Reveal": {
        "Company Name": "name", "Website": "domain", "Account Status": "stage", "Open deal": "",
        "Account Owner": "owner_name",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_the_exports_of_known_systems_are_understood(name):
    expected, source = EXPORTS[name], name.partition(" ")[0]
    found = recognise([*expected])

    assert found.source == source
    assert {column: found.fields.get(column, "") for column in expected} == expected
    assert {column for column, why in found.why.items() if why == "Not matched"} == {
        column for column, field in expected.items() if not field
    }
    assert source in found.why.values()


@pytest.mark.parametrize("name", EXPORTS)
def test_order_case_and_space_make_no_difference(name):
    header = [f" {column.upper()} " for column in reversed(EXPORTS[name])]
    assert recognise(header).source == name.partition(" ")[0]
    assert fields_of(header) == [*reversed(EXPORTS[name].values())]


def test_our_own_template_is_known():
    found = recognise([*LABELS.values()])
    assert found.source == OURS
    assert found.fields == {label: field for field, label in LABELS.items()}
    assert {*found.why.values()} == {"Same name"}
    assert EXAMPLE.keys() == LABELS.keys()


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("Firma;Webseite;Land;Branche", "name;domain;country;industry"),
        ("Raison sociale;Site web;Pays;N° TVA", "name;domain;country;company_number"),
        ("Razón social;Sitio web;País", "name;domain;country"),
        ("会社名;国", "name;country"),
        ("name;NAME;Name", ";;name"),
        ("Account;Company;Name", ";;name"),
        ("LEI;D-U-N-S Number;VAT", "company_number;;"),
        ("Name;Organisation;Web Site;E-Mail", "name;;domain;contact_email"),
        ("Colour;Size", ";"),
        ("", ""),
    ],
)
def test_a_file_of_no_system_is_read_by_the_names_people_use(header, fields):
    found = recognise(header.split(";"))
    assert found.source == FILE
    assert [found.fields.get(name, "") for name in header.split(";")] == fields.split(";")
    assert {*found.why.values()} <= {"Same name", "Not matched"}


def test_of_two_that_mean_the_same_the_one_that_is_written_the_same_counts():
    assert fields_of(["NAME", "Name"]) == ["", "name"]


def test_one_mark_alone_makes_no_source():
    assert recognise(["Lifecycle Stage", "Colour"]).source == FILE
    assert recognise(["Name", "Website", "Industry"]).source == FILE


@pytest.mark.parametrize(
    "name",
    [
        "Email Opt Out",
        "Unsubscribed",
        "Unsubscribed from all email",
        "Do not call",
        "GDPR consent",
        "email_opt_out",
        "HasOptedOutOfEmail",
        "DoNotCall",
        "Opted in",
    ],
)
def test_consent_is_never_taken_for_anything(name):
    found = recognise(["Name", name], [["Acme", f"a{n}@acme.com"] for n in range(9)])
    assert (found.fields, found.why[name]) == ({"Name": "name"}, "Not matched")


GUESSES = {
    "domains": (["acme.com", "https://www.birch.de/about", "cedar.co.uk"], "domain"),
    "e-mail addresses": (["a@acme.com", "b@birch.de", "c@cedar.co.uk"], "contact_email"),
    "countries": (["Germany", "France", "United States"], "country"),
    "stages": (["Customer", "Lead", "Customer"], "stage"),
    "two letters": (["DE", "CA", "IN"], ""),
    "one domain for all": (["acme.com"] * 9, ""),
    "too few": (["acme.com", "birch.de"], ""),
    "some of them": (["acme.com", "birch.de", "none", "Cedar Ltd"], ""),
    "numbers": (["1", "2", "3"], ""),
    "nothing": (["", "", ""], ""),
}


@pytest.mark.parametrize("name", GUESSES)
def test_what_has_no_known_name_is_guessed_by_its_values(name):
    values, field = GUESSES[name]
    found = recognise(["Name", "X"], [["Acme", value] for value in values])
    assert (found.fields.get("X", ""), found.why["X"]) == (field, "Guess" if field else "Not matched")


def test_a_guess_takes_nothing_that_a_name_has_taken_and_minds_the_name():
    rows = [[f"a{n}.com", f"b{n}.com", "Georgia", f"x@a{n}.com"] for n in range(5)]
    assert fields_of(["Website", "Y", "State", "Z"]) == ["domain", "", "", ""]
    found = recognise(["Website", "Y", "State", "Account rep mail"], rows)
    assert found.fields == {"Website": "domain", "Account rep mail": "owner_email"}


@hypothesis_settings(deadline=None)
@given(
    st.lists(st.text(max_size=20), max_size=8),
    st.lists(st.lists(st.text(max_size=20), max_size=9), max_size=6),
)
def test_any_header_is_recognised_as_something(header, rows):
    found = recognise(header, rows)
    assert {*found.why} == {*header} and {*found.fields} <= {*header}
    assert len({*found.fields.values()}) == len(found.fields)
    assert {*found.fields.values()} <= {*LABELS}


def test_a_fingerprint_is_that_of_the_columns_in_any_order():
    assert fingerprint(["Name", "Web site"]) == fingerprint(["web_site ", "NAME"])
    assert fingerprint(["Name", "Web site"]) != fingerprint(["Name", "Web site", "Name"])
    assert len(fingerprint(["x" * 9_000])) == 32


def test_the_list_of_aliases_names_fields_only():
    assert {field for source in sources().values() for field in source.fields} == {*LABELS}
    for name, source in sources().items():
        assert bool(source.marks) == (name not in {"", OURS})
        assert source.marks <= source.names


# -- populations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "population"),
    [
        ("Closed won", "customers"), ("closedwon", "customers"), ("Customer - Direct", "customers"),
        ("evangelist", "customers"), ("Customers", "customers"), ("Closed Won", "customers"),
        ("opportunity", "open_opportunities"), ("Open deal", "open_opportunities"),
        ("Negotiation/Review", "open_opportunities"), ("Id. Decision Makers", "open_opportunities"),
        ("open_opportunities", "open_opportunities"), ("3 - Proposal/Price Quote", "open_opportunities"),
        ("Stage 2: Discovery", "open_opportunities"), ("decisionmakerboughtin", "open_opportunities"),
        ("subscriber", "prospects"), ("marketingqualifiedlead", "prospects"), ("Sales Qualified Lead", "prospects"),
        ("Hot lead", "prospects"), ("Prospect", "prospects"), ("Lead In", "prospects"),
        ("Closed Lost", ""), ("Churned", ""), ("Former customer", ""), ("Partner", ""), ("Competitor", ""),
        ("Not a customer", ""), ("other", ""), ("", ""), ("42", ""), ("?", ""),
    ],
)  # fmt: skip
def test_a_stage_proposes_a_population_where_it_is_plain(word, population):
    assert propose_population(word) == population


# -- what a person decided --------------------------------------------------------------------------------------


def test_a_mapping_is_proposed_and_comes_back_from_json():
    mapping = Mapping.proposed(
        recognise(["Company name", "Company Domain Name", "Colour"]), default="customers"
    )
    assert mapping == Mapping(
        {"Company name": "name", "Company Domain Name": "domain", "Colour": ""}, {}, "customers"
    )
    decided = Mapping(
        {**mapping.columns, "Colour": f"{CUSTOM}Colour"}, {"gone": SKIP, "old": ""}, "prospects"
    )
    assert Mapping.from_json(json.loads(json.dumps(decided.as_json()))) == decided


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"columns": [], "populations": {}},
        {"columns": 3, "populations": {}, "default": "customers"},
        {"columns": {"a": 3}, "populations": {}, "default": "customers"},
        {"columns": {"a": "secret"}, "populations": {}, "default": "customers"},
        {"columns": {"a": CUSTOM}, "populations": {}, "default": "customers"},
        {"columns": {"a": f"{CUSTOM}{'x' * 201}"}, "populations": {}, "default": "customers"},
        {"columns": {}, "populations": {"a": "friends"}, "default": "customers"},
        {"columns": {}, "populations": {"a": []}, "default": "customers"},
        {"columns": {}, "populations": {}, "default": "friends"},
        {"columns": {}, "populations": {}, "default": None},
        {"columns": {}, "populations": {}, "default": []},
    ],
)
def test_what_is_no_mapping_is_refused(value):
    with pytest.raises(ValueError, match="This is no mapping|There is no"):
        Mapping.from_json(value)


def test_a_mapping_says_why_it_can_not_be_used():
    assert Mapping({"a": "name"}).objections() == []
    assert Mapping({"a": "country", "b": ""}).objections() == [
        "Choose a column for the name or the domain: one is needed."
    ]
    assert Mapping({"a": "name", "b": "name", "c": f"{CUSTOM}X", "d": f"{CUSTOM}X"}).objections() == [
        "“Name” is chosen for 2 columns: one can fill it.",
        "“X” is chosen for 2 columns: one can fill it.",
    ]


def test_a_mapping_is_remembered_for_the_next_file_of_the_kind():
    before = Mapping({"Firm": "name", "Colour": f"{CUSTOM}Colour", "Land": ""}, {"gone": SKIP}, "customers")
    after = before.remembered_for(recognise(["LAND", "firm", "colour", "Name", "Website"]))
    assert after.columns == {
        "LAND": "", "firm": "name", "colour": f"{CUSTOM}Colour", "Name": "", "Website": "domain",
    }  # fmt: skip
    assert (after.populations, after.default) == ({"gone": SKIP}, "customers")
    assert after.objections() == []


# -- what is in the columns -------------------------------------------------------------------------------------


def test_a_survey_counts_the_values_of_columns_that_have_few():
    rows = (
        (n, [f"Company {n}", "Lead" if n % 3 else " lead ", "x" * 300 * (n > 90), str(n)]) for n in range(300)
    )
    found = survey(["Name", "Stage", "Notes", "Number"], rows, ask=["Number"])

    assert found.rows == 300
    assert found.values.keys() == {"Stage", "Number"}
    assert found.values["Stage"] == {"Lead": 200, "lead": 100}
    assert (sum(found.values["Number"].values()), found.more) == (200, {"Number": 100})


def test_a_survey_minds_no_row_that_is_too_short_or_too_long():
    found = survey(["Name", "Stage"], [(2, ["a"]), (3, ["b", "lead", "more"]), (4, [])])
    assert (found.rows, found.values) == (3, {"Name": {"a": 1, "b": 1}, "Stage": {"lead": 1}})


# -- text -------------------------------------------------------------------------------------------------------


@hypothesis_settings(deadline=None)
@given(st.text())
def test_plain_text_is_one_line_and_stays_as_it_is(text):
    once = plain(text)
    assert once.isprintable() and once == once.strip() and "  " not in once
    assert plain(once) in {once, plain(once)} and simple(simple(text)) == simple(text)
