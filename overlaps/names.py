"""What two companies' names are compared by. Pure functions: the same text gives the same key, on both sides."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).resolve().parent / "data"
LONGEST = 400  # characters that are looked at: no name needs more, and nobody's megabyte is read

# What is written inside words, and what stands between them: everything else that is no letter or digit.
INSIDE = dict.fromkeys(map(ord, "'’‘`´ʼ"))
ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)} | INSIDE

# Letters that no decomposition takes apart.
LATIN = {
    "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h", "ŋ": "n", "ŧ": "t",
    "ƒ": "f", "ə": "a",
}  # fmt: skip
CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћќџђ",
        "a,b,v,g,d,e,e,zh,z,i,y,k,l,m,n,o,p,r,s,t,u,f,kh,ts,ch,sh,shch,,y,,e,yu,ya,i,yi,ye,g,u,j,lj,nj,c,k,dz,d".split(
            ","
        ),
        strict=True,
    )
)
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)
SCRIPTS = ((set(CYRILLIC), CYRILLIC), (set(GREEK), GREEK))

# Scripts that write without spaces: the form stands at an end of the name, and goes before anything else.
UNSPACED = (
    "股份有限公司|有限责任公司|有限責任公司|股份公司|有限公司|株式会社|有限会社|合同会社|合資会社|合名会社|"
    "一般社団法人|一般財団法人|주식회사|유한회사|유한책임회사|บริษัทมหาชนจำกัด|จำกัด (มหาชน)|จำกัด|บริษัท"
)
UNSPACED_ENDS = re.compile(
    rf"^\W*(?:{UNSPACED}|\((?:株|有|同|주|유)\))|(?:{UNSPACED}|\((?:株|有|同|주|유)\))\W*$"
)
BEYOND = re.compile("[\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7ff]")

# How lists of exchanges and registers mark a state or an old name: "SMITH CORP /DE/", "ACME INC \NEW".
SLASHED = re.compile(r"\s[/\\]\s?[A-Za-z]{2,4}\s?(?:[/\\]|$)|[/\\][A-Z]{2,3}[/\\]?\s*$")
OTHERWISE = re.compile(r"\b(?:d/?b/?a|t/a|trading as|doing business as|[af]/?k/?a|formerly)\b", re.IGNORECASE)


RARE = 18  # bits that a word tells which is in no list of common words
OF_A_SIGN = 7  # and one Chinese, Japanese or Korean character
PLACEHOLDERS = frozenset(
    "na none null nil unknown test tba tbd undefined unnamed confidential x xx xxx".split()
)


# Words that one list has and the other leaves out: "PayPal Holdings" is "PayPal". In the form that _unified gives.
GENERIC = frozenset(
    "association bancorp capital communication company construction consulting corporation development distribution "
    "energy engineering enterprise entertainment financial foundation global group holding industry international "
    "investment logistic management manufacturing media medical network partner pharmaceutical power product service "
    "software solution system technology trade trading trust worldwide".split()
)
ENOUGH = 16  # bits that a name must tell without them


class Name(NamedTuple):
    key: str  # the words without the legal form, one space between them; "" where nothing says a name
    form: str  # the legal form in one of its spellings; "" where there is none
    bits: int  # how much the key tells: what names of common words have few of, and rare words many
    core: str  # its words, less the generic ones, in order of the alphabet: "paypal" of "paypal holding"
    is_core: bool  # there were no generic ones


def name_key(text: str) -> str:
    return name_of(text).key


def name_of(text: str) -> Name:
    text = text[:LONGEST]
    if "/" in text or "\\" in text:
        text = SLASHED.sub(" ", text)
    words, form = _words(text)
    corrections = _corrections()
    corrected = ()
    if not corrections.keys().isdisjoint(words):
        corrected = [corrections[word] for word in words if word in corrections]
        words = [corrections.get(word, word) for word in words]
    words, form = _without_form(words, form)
    if len(words) == 1 and words[0] in PLACEHOLDERS:
        return Name("", "", 0, "", False)
    common = _common()
    bits = [common[word] if word in common else _bits(word) for word in words]
    core, is_core = words, GENERIC.isdisjoint(words)
    if not is_core:
        rest = [place for place, word in enumerate(words) if word not in GENERIC]
        if sum([bits[place] for place in rest]) >= ENOUGH:
            core = [words[place] for place in rest]
    # A word that was guessed proves nothing.
    guessed = sum([common[word] for word in corrected if word in words])
    return Name(" ".join(words), form, sum(bits) - guessed, " ".join(sorted(set(core))), is_core)


def _bits(word: str) -> int:
    if word.isascii():
        return RARE if len(word) > 2 else 2 * RARE // 3
    return min(2 * RARE, OF_A_SIGN * len(word)) if word[0] >= "\u3040" else RARE


def _words(text: str) -> tuple[list[str], str]:
    form = ""
    if text.isascii():
        words = text.translate(ASCII).split()
    else:
        words, form = _from_other_script(text)
    unified = _unified()
    words = [unified.get(word, word) for word in words]
    if "" in words or min(map(len, words), default=2) == 1:
        words = _joined(words)
    return words, form


def _joined(words: list[str]) -> list[str]:
    """Without "and"; letters that stand alone as one word: "A. O. Smith" is "AO Smith"."""
    joined, run = [], ""
    for word in words:
        if len(word) == 1 and word < "\u3040":
            run += word
        elif word:
            if run:
                joined.append(run)
                run = ""
            joined.append(word)
    if run:
        joined.append(run)
    return joined


def _without_form(words: list[str], form: str) -> tuple[list[str], str]:
    forms, longest = _forms()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    while len(words) > 1 and (most := longest.get(words[-1])):
        for size in range(min(most, len(words) - 1), 0, -1):
            if (found := forms.get(" ".join(words[-size:]))) is not None:
                words = words[:-size]
                form = form or found.strip("-")
                break
        else:
            break
    if len(words) > 1 and (found := PREFIXES.get(words[0])):
        words, form = words[1:], form or found
    return words, form


# In front of the name, where some countries write it; only what is no word of its own.
PREFIXES = {
    word: word
    for word in "pt ooo oao zao pao ab oy sia uab tov jsc pjsc ojsc cjsc llc sarl sprl bvba".split()
}


def _from_other_script(text: str) -> tuple[list[str], str]:
    text = unicodedata.normalize("NFKC", text).casefold()
    form = ""
    if BEYOND.search(text) and (stripped := UNSPACED_ENDS.sub(" ", UNSPACED_ENDS.sub(" ", text))).strip():
        form = "" if stripped == text else "unspaced"
        text = stripped
    text = unicodedata.normalize("NFKD", text)
    text = "".join(_seen(character) for character in text)
    words = []
    for word in text.split():
        words += _latin(word).split() if not word.isascii() else [word]
    return words, form


@cache
def _seen(character: str) -> str:
    """A character of a decomposed text as it counts: a letter or digit, nothing, or the end of a word."""
    if character.isascii():
        return ASCII_SEEN[character]
    if ord(character) in INSIDE or (category := unicodedata.category(character)) in ("Mn", "Cf", "Sk", "Lm"):
        return "" if not _is_vowel_sign(character) else character
    return character if category[0] in "LNM" else " "


ASCII_SEEN = {chr(code): to or "" for code, to in ASCII.items() if code < 128}


def _is_vowel_sign(character: str) -> bool:
    """Marks that are letters where they are used: of Indic scripts, Thai, kana."""
    return "\u0900" <= character <= "\u0e7f" or character in "\u3099\u309a\u30fc\u3005"


@cache
def _latin_letters() -> dict[int, str]:
    return str.maketrans(LATIN)


def _latin(word: str) -> str:
    """A word of one script in Latin letters. One that mixes scripts to look like another stays what it is."""
    word = word.translate(_latin_letters())
    for letters, table in SCRIPTS:
        if letters.issuperset(word) or (
            not letters.isdisjoint(word) and all(c in letters or c.isdigit() for c in word)
        ):
            return "".join(table.get(c, c) for c in word)
    return word


@cache
def _unified() -> dict[str, str]:
    """Spellings of one word; "" for words that are only glue."""
    table = dict.fromkeys("and und et og och".split(), "")
    for line in _lines("abbreviations.txt"):
        word, *others = line.split()
        table |= dict.fromkeys(others, word)
    return table


@cache
def _forms() -> tuple[dict[str, str], dict[str, int]]:
    """Legal forms by how they are written, and for each last word how many words the longest has."""
    forms: dict[str, str] = {}
    for line in _lines("legal_forms.txt"):
        code, *spellings = line.split("\t")
        for spelling in spellings:
            forms.setdefault(" ".join(_words(spelling)[0]), code)
    longest: dict[str, int] = {}
    for spelling in forms:
        *_, last = words = spelling.split()
        longest[last] = max(longest.get(last, 0), len(words))
    return forms, longest


@cache
def _common() -> dict[str, int]:
    """What each common word tells, in bits: the logarithm of how few companies have it in their names."""
    table: dict[str, int] = {}
    for line in _lines("words.txt"):
        bits, *words = line.split()
        table |= dict.fromkeys(words, int(bits))
    return table


@cache
def _corrections() -> dict[str, str]:
    """Common words with one letter left out, doubled or changed with the next, where that gives no known word."""
    common, table = _common(), dict[str, str]()
    for word, bits in common.items():
        if bits <= OFTEN and len(word) >= 6 and word.isascii() and word.isalpha():
            for slip in _slips(word):
                if slip not in common:
                    table[slip] = "" if table.get(slip, word) != word else word
    return {slip: word for slip, word in table.items() if word}


OFTEN = 14


def _slips(word: str) -> Iterator[str]:
    for n in range(1, len(word)):
        yield word[:n] + word[n + 1 :]
        yield word[:n] + word[n] + word[n:]
        if n + 1 < len(word) and word[n] != word[n + 1]:
            yield word[:n] + word[n + 1] + word[n] + word[n + 2 :]


def _lines(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
