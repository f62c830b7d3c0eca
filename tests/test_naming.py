from itertools import islice

import pytest

from core import naming


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Acme", "acme"),
        ("  Acme, Inc. ", "acme-inc"),
        ("Ärger & Söhne", "arger-sohne"),
        ("Ada’s workspace", "ada-workspace"),
        ("株式会社", ""),
        ("../../etc", "etc"),
        ("x" * 100, "x" * naming.SLUG_LENGTH),
    ],
)
def test_slugify(text, slug):
    assert naming.slugify(text) == slug


def test_reserved_words_are_never_offered():
    for word in naming.RESERVED:
        assert naming.RESERVED.isdisjoint(islice(naming.slugs(word), 8))


def test_candidates_go_on_and_fit():
    candidates = list(islice(naming.slugs("x" * 100), 50))
    assert len(set(candidates)) == 50
    assert all(len(slug) <= naming.SLUG_LENGTH for slug in candidates)


@pytest.mark.parametrize(
    ("email", "business", "domain"),
    [
        ("ada@acme.example", "", "acme.example"),
        ("ada@gmail.com", "", ""),
        ("ada@gmail.com", "https://www.Acme.example/about", "acme.example"),
        ("ada@localhost", "", ""),
    ],
)
def test_company_domain(email, business, domain):
    assert naming.company_domain(email, business) == domain
