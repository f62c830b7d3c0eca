"""Two real lists, two founders: from counts to names, a veto, an undo, and the end of it."""

import csv
import gzip
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, expect

from e2e.people import Person, choose, table

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = Path(__file__).resolve().parent.parent / "benchmarks" / "data"
POPULATIONS = ("customers", "open_opportunities", "prospects")


def listing(name: str) -> FilePayload:
    """The first seven hundred companies of one side, as they stand there."""
    with gzip.open(LISTS / f"sp500_sec_{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return table(list(csv.reader(io.StringIO(file.read())))[:700])


def overlaps(person: Person) -> int:
    """As many as the list says."""
    person.page.goto(f"{person.home}overlaps/")
    counted = person.page.locator("#found [role=status]").last.inner_text()
    found = re.search(r"([\d,]+) overlap", counted)
    return int(found[1].replace(",", "")) if found else 0


def names(person: Person) -> set[str]:
    person.page.goto(f"{person.home}overlaps/")
    return set(person.page.locator("#found .who__name").all_inner_texts())


def test_counts_then_names_then_a_veto_an_undo_and_the_end(somebody):
    ada, grace = somebody("ada@acme.example"), somebody("grace@globex.example")
    ada.signs_up("Ada", "Acme")
    grace.signs_up("Grace", "Globex")
    ada.imports(listing("a"))
    imported = ada.page.url
    grace.imports(listing("b"))

    # Ada invites Grace and shows counts only; Grace shows names.
    ada.page.goto("/w/acme/partners/invite/")
    ada.page.get_by_label("Company", exact=False).first.fill("Globex")
    ada.page.get_by_label("E-mail", exact=False).first.fill("grace@globex.example")
    choose(ada.page, "prospects", "counts")
    ada.press("Invite", exact=True)
    expect(ada.page).not_to_have_url(re.compile("/partners/invite/"))
    grace.open_mail()
    for population in POPULATIONS:
        choose(grace.page, population, "overlaps")
    grace.press("Connect with Acme")
    expect(grace.page).to_have_url(re.compile("/w/globex/partners/"))
    grace.run_jobs()
    assert overlaps(grace) == 0 and (told := overlaps(ada)) > 50

    # She raises them to names, and is told before how many.
    ada.page.goto("/w/acme/partners/")
    ada.page.locator("main").get_by_role("link", name=re.compile("Globex")).first.click()
    ada.page.get_by_role("navigation", name="Globex").get_by_role("link", name="Sharing").click()
    for population in POPULATIONS:
        choose(ada.page, population, "overlaps")
    ada.press("Look at the changes")
    promised = re.search(r"newly reveals ([\d,]+) accounts?", ada.page.locator("main").inner_text())
    ada.press("Confirm", exact=True)
    ada.sees("Saved: this is what Globex sees from now on.")

    # Grace sees exactly these.
    assert overlaps(grace) == int(promised[1].replace(",", "")) == told
    shown = names(grace)

    # She says of one that it is another company: it goes for both.
    grace.page.locator("#found a.who").first.click()
    wrong = grace.page.locator("h1").inner_text()
    grace.page.get_by_role("link", name="Not the same company").click()
    grace.page.get_by_label("Another company").check()
    grace.press("They are two companies")
    grace.sees("two companies from now on")
    assert wrong in shown and wrong not in names(grace)
    assert overlaps(grace) == overlaps(ada) == told - 1

    # Ada takes her import back, and brings the file in again: what was said still holds.
    ada.page.goto(imported)
    ada.page.get_by_role("link", name="Take it back").click()
    ada.press("Take it back")
    expect(ada.page).not_to_have_url(re.compile("/undo/"))
    ada.waits_for_jobs()
    ada.sees("Taken back.")
    assert overlaps(grace) == overlaps(ada) == 0
    ada.imports(listing("a"))
    assert overlaps(grace) == overlaps(ada) == told - 1

    # The end of the partnership empties the other side.
    ada.page.goto("/w/acme/partners/")
    ada.page.locator("main").get_by_role("link", name=re.compile("Globex")).first.click()
    ada.page.get_by_role("navigation", name="Globex").get_by_role("link", name="Sharing").click()
    ada.page.get_by_role("link", name=re.compile("Pause or end")).click()
    ada.press("End it for good")
    assert overlaps(grace) == overlaps(ada) == 0
