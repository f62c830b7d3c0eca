"""One company's name has one key however it is written, and two companies' names have two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overlaps.names import _common, _corrections, _forms, _unified, name_key, name_of


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Velatra", "velatra"),
        ("  VELATRA  ", "velatra"),
        ("Velatra, Inc.", "velatra"),
        ("Velatra Incorporated", "velatra"),
        ("Velatra Corporation", "velatra"),
        ("VELATRA CORP", "velatra"),
        ("Velatra & Co.", "velatra"),
        ("The Velatra Company", "velatra"),
        ("Velatra Company (The)", "velatra"),
        ("Velatra Co., Ltd.", "velatra"),
        ("Velatra Pvt. Ltd.", "velatra"),
        ("VELATRA PRIVATE LIMITED", "velatra"),
        ("Velatra (P) Ltd", "velatra"),
        ("Velatra Pty Limited", "velatra"),
        ("Velatra GmbH & Co. KG", "velatra"),
        ("Velatra UG (haftungsbeschränkt)", "velatra"),
        ("Velatra Gesellschaft mit beschränkter Haftung", "velatra"),
        ("Velatra Sp. z o.o.", "velatra"),
        ("Velatra s. r. o.", "velatra"),
        ("Velatra S.p.A.", "velatra"),
        ("VELATRA SRL UNIPERSONALE", "velatra"),
        ("Velatra AB (publ)", "velatra"),
        ("AB Velatra", "velatra"),
        ("Velatra A/S", "velatra"),
        ("PT Velatra Tbk", "velatra"),
        ("ООО «Велатра»", "velatra"),
        ("OOO Velatra", "velatra"),
        ("Velatra S.A.B. de C.V.", "velatra"),
        ("Velatra, S.A. de C.V.", "velatra"),
        ("Velatra S. de R.L. de C.V.", "velatra"),
        ("Velatra Anonim Şirketi", "velatra"),
        ("Velatra Korlátolt Felelősségű Társaság", "velatra"),
        ("Velatra in Liquidation", "velatra"),
    ],
)
def test_the_legal_form_says_nothing_of_who_it_is(text, key):
    assert name_key(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("At The Pool", "at the pool"),
        ("Quantum OPS", "quantum ops"),
        ("AG Insurance", "ag insurance"),
        ("Limited Brands", "limited brands"),
        ("SA Water", "sa water"),
        ("Reliance (India) Retail", "reliance india retail"),
        ("SAS Institute", "sas institute"),
        ("Co", "company"),
        ("Limited", "limited"),
        ("The", "the"),
    ],
)
def test_only_the_end_of_a_name_is_a_legal_form(text, key):
    assert name_key(text) == key


@pytest.mark.parametrize("text", ["株式会社東芝", "東芝株式会社", "（株）東芝", "㈱東芝", "東芝（株）"])
def test_forms_of_unspaced_scripts_go_before_anything_else(text):
    assert name_key(text) == "東芝"


def test_chinese_and_korean_forms_too():
    assert name_key("华为技术有限公司") == "华为技术"
    assert name_key("삼성전자 주식회사") == name_key("(주)삼성전자") == "삼성전자"


@pytest.mark.parametrize(
    "text",
    [
        "VELATRA FOODS INC /DE/", "VELATRA FOODS CORP /NEW", "Velatra Foods Inc. Class A", "Velatra Foods ADR",
        "Velatra Foods Inc Common Stock", "Velatra Foods, Inc. (The)", "VELATRA FOODS INC \\DE\\",
    ],
)  # fmt: skip
def test_what_exchanges_and_registers_add(text):
    assert name_key(text) == "velatra foods"


@pytest.mark.parametrize(
    "group",
    [
        ["Müller", "MULLER", "Mu\u0308ller", "Ｍüller"],
        ["Łódź Ødegård Æon", "Lodz Odegard AEon"],
        ["Société Générale", "SOCIETE GENERALE"],
        ["İstanbul Çelik", "Istanbul Celik", "ISTANBUL CELIK"],
        ["McDonald's", "McDonalds", "MCDONALD’S"],
        ["A. O. Smith", "A O Smith", "AO SMITH"],
        ["J.P. Morgan", "JP Morgan", "J P MORGAN"],
        ["Johnson & Johnson", "Johnson and Johnson", "JOHNSON + JOHNSON"],
        ["Velatra Int'l Mfg Svcs", "Velatra International Manufacturing Services"],
        ["Velatra Technologies", "Velatra Technology", "Velatra Tech"],
        ["Velatra Bros.", "Velatra Brothers"],
        ["Amazon.com, Inc.", "AMAZON COM INC", "Amazon"],
        ["Ａｃｍｅ　Ｗｏｒｋｓ", "Acme Works"],
        ["Газпром нефть", "Gazprom Neft"],
        ["Ελλάδα", "Ellada"],
        ["Velatra Engineering", "Velatra Engneering", "Velatra Engineernig", "Velatra Enginneering"],
    ],
)
def test_spellings_of_one_name_have_one_key(group):
    assert len({name_key(text) for text in group}) == 1, [name_key(text) for text in group]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme", "Аcme"),  # its first letter is Cyrillic
        ("Velatra Fund II", "Velatra Fund III"),
        ("Velatra 2019-1", "Velatra 2019-2"),
        ("Velatra Capital", "Velatra Capita"),  # a slip of a letter, but a word of its own
        ("Marlin", "Martin"),
        ("東芝", "東京"),
    ],
)
def test_two_names_have_two_keys(one, other):
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    "text", ["", " ", "N/A", "n/a", "-", "...", "null", "unknown", "TBD", "\0", "💥", "&"]
)
def test_what_is_no_name_has_no_key(text):
    assert name_of(text)[:3] == ("", "", 0)


def test_the_form_is_known_by_one_spelling():
    forms = {name_of(f"Velatra {form}").form for form in ("Ltd", "Limited", "LTD.", "Co. Ltd.")}
    assert len(forms) == 1
    assert name_of("Velatra GmbH").form != name_of("Velatra AG").form
    assert name_of("Velatra").form == name_of("Velatra ADR").form == ""


def test_rare_words_tell_more_than_common_ones():
    assert name_of("Velatra").bits > name_of("Green Energy").bits > name_of("Global").bits
    assert name_of("Velatra Marrow").bits > name_of("Velatra").bits
    assert name_of("东芝集团").bits > name_of("东芝").bits


def test_a_word_that_was_guessed_tells_nothing():
    meant, guessed = name_of("Velatra Engineering"), name_of("Velatra Engneering")
    assert (meant.key, meant.core) == (guessed.key, guessed.core)
    assert guessed.bits == name_of("Velatra").bits


def test_generic_words_are_not_of_the_core():
    assert name_of("Velatra Holdings International Inc").core == "velatra"
    assert name_of("Velatra").is_core and not name_of("Velatra Group").is_core
    assert name_of("Global Holdings").core == "global holding"  # nothing would be left
    assert name_of("Charles Schwab").core == name_of("Schwab, Charles").core


def test_a_megabyte_is_no_name():
    assert len(name_key("velatra " * 200_000)) <= 400
    assert name_key("A" * 2_000_000) == "a" * 400


def test_the_lists_are_clean():
    for word in [*_common(), *_unified(), *_corrections()]:
        assert word == word.strip().lower() and " " not in word
    assert not _corrections().keys() & _common().keys()
    for spelling in _forms()[0]:
        assert spelling == " ".join(spelling.split()) != ""


@given(st.text(max_size=60))
def test_any_text_gives_a_key_that_is_its_own_key(text):
    name = name_of(text)
    assert name.key == " ".join(name.key.split()) and len(name.key) <= 800
    assert "\t" not in name.key and "\\" not in name.key and "\0" not in name.key
    assert name.bits >= 0
    assert name_key(text) == name_key(text.upper()) or not text.isascii()


@given(st.text(alphabet="abcdefghij &.'-", max_size=40))
def test_how_it_is_spaced_and_cased_does_not_matter(text):
    assert name_key(f"  {text.upper()} ") == name_key(text) == name_key(text.replace(" ", "  "))
