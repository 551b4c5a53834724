"""Typed instead of tapped."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.choosing.matching import match_choice, normalise
from conversation.messages.layout import MORE
from conversation.messages.model import Choice
from flows.model import Event
from tests.unit.helpers_hypothesis import patiently
from tests.unit.helpers_messages import choices


def choice(title: str, *words: str) -> Choice:
    return Choice(Event("pick"), title, None, words)


CONFIRM = (
    choice("Sì, grazie", "sì", "si", "ok", "va bene", "👍"),
    choice("Un altro", "indietro", "cambia"),
    choice("Annulla", "no", "basta", "un'altra volta"),
)
REWARDS = (
    choice("Espresso"), choice("Cornetto"), choice("Cappuccino"), choice("Colazione per due"), choice("Sconto di 5 €"),
    choice("إسبريسو"), choice("Café crème"), choice("Tazza Aurora"), choice("☕"), choice("🍕🍕"), choice("Mug"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1", 0), ("2", 1), ("3", 2), ("2.", 1), (" 3 ", 2), ("#1", 0), ("02", 1), ("٢", 1), ("۳", 2), ("२", 1),
        ("２", 1), ("²", 1), ("1️⃣", 0), ("0", None), ("4", None), ("12", None), ("999", None), ("1000", None), ("-1", 0),
        ("1.5", None), ("9" * 5000, None), ("٩" * 5000, None), ("1 2", None), ("001", 0), ("0001", None),
    ],
)  # fmt: skip
def test_a_number_is_the_place_of_a_choice(typed: str, number: int | None) -> None:
    assert match_choice(typed, CONFIRM) == number


@pytest.mark.parametrize(("typed", "number"), [("a", 0), ("B", 1), ("c)", 2), ("d", None), ("z", None), ("é", None)])
def test_a_letter_is_the_place_of_a_choice(typed: str, number: int | None) -> None:
    assert match_choice(typed, CONFIRM) == number


def test_numbers_and_letters_count_what_the_customer_sees() -> None:
    assert match_choice("1", REWARDS, first=9, last=11) == 9
    assert match_choice("b", REWARDS, first=9, last=11) == 10
    assert match_choice("3", REWARDS, first=9, last=11) is None
    assert match_choice("Espresso", REWARDS, first=9, last=11) == 0, "a title is known wherever it stands"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("Sì, grazie", 0), ("si grazie", 0), ("SÌ GRAZIE!!", 0), ("va  bene", 0), ("ok", 0), ("👍", 0), ("si", 0),
        ("indietro", 1), ("un altro", 1), ("no", 2), ("Un’altra volta", 2), ("basta.", 2),
        ("forse", None), ("", None), (" ", None), ("...", None), ("👎", None), ("okay", None), ("\u200d", None),
    ],
)  # fmt: skip
def test_titles_and_words_are_known_however_they_are_written(typed: str, number: int | None) -> None:
    assert match_choice(typed, CONFIRM) == number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("cappucino", 2), ("capuccino", 2), ("Capppuccino", 2), ("colazione per duee", 3), ("cafe creme", 6),
        ("sconto di 5 €", 4), ("sconto di 5€", 4), ("sconto di 50 €", None), ("اسبريسو", 5), ("tazza auroa", 7),
        ("☕", 8), ("🍕🍕", 9), ("🍕", None), ("cappello", None), ("corretto", None), ("mag", None),
        ("colazione", None),
    ],
)  # fmt: skip
def test_a_slip_of_the_finger_passes_and_another_word_does_not(typed: str, number: int | None) -> None:
    assert match_choice(typed, REWARDS) == number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("dos", 1), ("la seconda", 1), ("il secondo", 1), ("the second one", 1), ("number two", 1), ("número dos", 1),
        ("el segundo por favor", 1), ("le deuxième s'il te plaît", 1), ("الثاني", 1), ("رقم ٢", 1),
        ("الثانية لو سمحت", 1),
        ("2️⃣", 1), ("b)", 1), ("B.", 1), ("2nd", 1), ("2º", 1), ("2ème", 1), ("la 2", 1), ("option 2 please", 1),
        ("opzione b", 1), ("option one", 0), ("the first", 0), ("l'ultimo", 10), ("the last one", 10), ("الأخير", 10),
        ("il cappuccino per favore", 2), ("vorrei un cappucino, grazie", 2), ("I'd like the mug please", 10),
        ("je voudrais l'espresso s'il vous plaît", 0), ("ok il cornetto", 1), ("الإسبريسو", 5),
        ("أريد إسبريسو من فضلك", 5),
        ("twelfth", None), ("the thirteenth", None), ("no il secondo", None), ("non la seconda", None), ("please",
         None),
        ("due", None), ("due espressi", None), ("the", None), ("vorrei", None), ("grazie", None), ("2 o 3", None),
    ],
)  # fmt: skip
def test_places_in_words_and_titles_in_polite_sentences_are_known(typed: str, number: int | None) -> None:
    assert match_choice(typed, REWARDS) == number


@pytest.mark.parametrize(
    "typed",
    [
        "cappuccino?", "2?", "¿el segundo?", "الثاني؟", "quanto costa il cappuccino", "is the cappuccino good",
        "how much is the second one", "combien le cappuccino", "cuánto cuesta el cappuccino", "كم سعر إسبريسو",
        "what is the mug", "posso avere il cappuccino", "quale cappuccino",
    ],
)  # fmt: skip
def test_a_question_is_no_choice(typed: str) -> None:
    assert match_choice(typed, REWARDS) is None


def test_a_choice_that_is_a_question_can_be_typed() -> None:
    asking = (choice("How do I earn points?"), choice("Help", "?"), choice("How do I pay"))
    assert match_choice("how do i earn points?", asking) == 0
    assert match_choice("how do i earn points", asking) == 0
    assert match_choice("how do i pay", asking) == 2
    assert match_choice("how do i pay?", asking) is None
    assert match_choice("?", asking) == 1


def test_a_title_counts_more_than_a_place_where_no_numbers_are_shown() -> None:
    quiz = (choice("3"), choice("2"), choice("1"))
    assert [match_choice(typed, quiz) for typed in ("1", "2", "3")] == [2, 1, 0]
    assert [match_choice(typed, quiz, numbered=True) for typed in ("1", "2", "3")] == [None, 1, None]
    breakfast = (choice("Seconda colazione"), choice("Prima colazione"), choice("Terza"))
    assert match_choice("la seconda", breakfast) is None
    assert match_choice("la terza", breakfast) == 2
    assert match_choice("2", breakfast) == 1


def test_the_row_that_turns_the_page_can_be_typed() -> None:
    for typed in ("More…", "more", "3", "la terza", "more please"):
        assert match_choice(typed, REWARDS, first=0, last=2, more="More…") == MORE
    assert match_choice("4", REWARDS, first=0, last=2, more="More…") is None
    assert match_choice("more", REWARDS, first=0, last=2) is None


def test_what_may_mean_two_choices_means_none() -> None:
    twice = (choice("Espresso", "caffè"), choice("Cappuccino", "caffè"), choice("Espressi"))
    assert match_choice("caffè", twice) is None
    assert match_choice("espresso", twice) == 0, "an exact title goes before a near one"
    assert match_choice("espressa", twice) is None
    assert match_choice("Espresso", (choice("Espresso"), choice("espresso"))) is None
    near = (choice("Cappuccino grande"), choice("Cappuccino grandi"), choice("Tazza"))
    assert match_choice("cappuccino grand", near) is None
    assert match_choice("cappuccino grand", near[1:]) == 0


def test_nothing_is_meant_where_nothing_is_offered() -> None:
    assert match_choice("1", ()) is None
    assert match_choice("espresso", ()) is None


@patiently(60)
@given(st.text(), choices(12), st.integers(0, 12))
def test_no_text_whatever_means_more_than_is_offered(typed: str, offered: tuple[Choice, ...], first: int) -> None:
    number = match_choice(typed, offered, first=min(first, len(offered)))
    assert number is None or 0 <= number < len(offered)


@patiently(60)
@given(choices(12))
def test_a_title_that_no_other_choice_has_is_found(offered: tuple[Choice, ...]) -> None:
    spellings = [{normalise(word) for word in (each.title, *each.words)} for each in offered]
    for number, each in enumerate(offered):
        typed = normalise(each.title)
        unclear = (
            len(typed) < 2
            or typed.isdecimal()
            or any(typed in words for other, words in enumerate(spellings) if other != number)
        )
        assert unclear or match_choice(each.title, offered) == number


# ---- normalise


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Sì!", "si"), ("  CAFFÈ,  crème ", "caffe creme"), ("Straße", "strasse"), ("٢٣", "23"), ("نقاطي؟", "نقاطي"),
        ("مُكافَأة", "مكافاة"), ("ﬁn", "fin"), ("5 €", "5 €"), ("10%", "10%"), ("👍", "👍"),
        (" 👍 ", "👍"), ("ok 👍", "ok"), ("", ""),
    ],
)  # fmt: skip
def test_what_two_spellings_have_in_common(text: str, plain: str) -> None:
    assert normalise(text) == plain


@patiently()
@given(st.text("àÉîõÜñÇabc XYZ'،؟نقاط٢3!", max_size=20))
def test_composed_or_not_and_large_or_small_is_the_same(text: str) -> None:
    plain = normalise(text)
    for form in (unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text), text.upper(), text.lower()):
        assert normalise(form).casefold() == plain.casefold()
    assert normalise(plain) == plain
