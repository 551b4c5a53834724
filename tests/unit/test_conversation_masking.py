"""Nobody can be told by what designers read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.turning.masking import MASKS, anonymous, without_likely_names
from loyalty.codes import REFERRAL_SIGNS, VOUCHER_SIGNS, new_code, show_code


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("call me on +39 333 123.4567 please", "call me on [number] please"),
        ("٠١٠٠١٢٣٤٥٦٧ رقمي", "[number] رقمي"),
        ("mail anna.b@example.org!", "mail [mail]"),
        ("see https://example.org/u/4711", "see [link]"),
        ("my code is K7PM-3XQ9", "my code is [code]"),
        ("IBAN IT60 X054 2811 1010 0000 0123 456", "IBAN [account]"),
        ("sono Anna, quanti punti ha anna bianchi?", "sono [name], quanti punti ha [name] [name]?"),
    ],
)
def test_what_says_who_she_is_is_taken_out(said: str, read: str) -> None:
    assert anonymous(said, "Anna Bianchi") == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("333 - 123 - 4567", "[number]"),
        ("333/1234567", "[number]"),
        ("+39\u00a0333\u202c\u200b1234567", "[number]"),  # copied from a card of a contact
        ("(0039) 333·123·45·67 ok", "([number] ok"),
        ("nata il 12/03/1990", "nata il [number]"),
        ("otp 482913", "otp [number]"),
        ("4111 1111 1111 1111", "[number]"),
        ("carta **** **** **** 1234", "carta [number]"),
        ("xxxx-xxxx-xxxx-1234", "[number]"),
        ("il pin è 4821", "il pin è [secret]"),
        ("CVV: 123", "CVV: [secret]"),
    ],
)
def test_numbers_are_taken_out_however_they_are_written(said: str, read: str) -> None:
    assert anonymous(said) == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("HTTPS://EXAMPLE.ORG/A", "[link]"),
        ("wa.me/393331234567", "[link]"),
        ("su caffe-aurora.com adesso", "su [link] adesso"),
        ("anna @ gmail . com", "[mail]"),
        ("anna(at)gmail.com", "[mail]"),
        ("anna chiocciola gmail punto com", "[mail]"),
        ("anna at gmail dot com", "[mail]"),
        ("@anna.b ciao", "[name] ciao"),
    ],
)
def test_addresses_are_taken_out_however_they_are_written(said: str, read: str) -> None:
    assert anonymous(said) == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("FR76 3000 6000 0112 3456 7890 189 merci", "[account] merci"),
        ("fr7630006000011234567890189", "[account]"),
        ("IT60-X054-2811-1010-0000-0123-456", "[account]"),
        ("k7pm 3xq9 ok", "[code] ok"),
        ("BZPJ WNHA G6EG TM", "[code]"),
        ("BZPJ-WNHA-G6EG-TM", "[code]"),
        ("KPMX-XQRT", "[code]"),
        ("order #a12b3456", "order #[code]"),
        ("passport AB1234567", "passport AB[number]"),
    ],
)
def test_accounts_and_codes_are_taken_out_however_they_are_written(said: str, read: str) -> None:
    assert anonymous(said) == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("mi chiamo giulia e vorrei i miei punti", "mi chiamo [name] e vorrei i miei punti"),
        ("My name is John Smith, hi", "My name is [name], hi"),
        ("me llamo José", "me llamo [name]"),
        ("je m’appelle Jean-Luc Picard svp", "je m’appelle [name] svp"),
        ("I'm Mary", "I'm [name]"),
        ("soy Pedro Gómez", "soy [name]"),
        ("اسمي أحمد محمد وأريد نقاطي", "اسمي [name] وأريد نقاطي"),
    ],
)
def test_a_name_somebody_introduces_herself_by_is_taken_out(said: str, read: str) -> None:
    assert anonymous(said) == read


@pytest.mark.parametrize(
    ("name", "said", "read"),
    [
        ("José", "points de jose", "points de [name]"),
        ("Anna", "la carta d'ANNA", "la carta d'[name]"),
        ("Li", "sono Li, li voglio tutti", "sono [name], li voglio tutti"),
        ("أحمد", "نقاط لأحمد", "نقاط [name]"),
        ("Anna", "annata buona", "annata buona"),
        ("Al 😀", "vado al bar", "vado al bar"),
    ],
)
def test_her_own_name_is_taken_out_in_any_spelling(name: str, said: str, read: str) -> None:
    assert anonymous(said, name) == read


@pytest.mark.parametrize(
    "said",
    [
        "do i have 500 points", "500pts o 1000punti?", "20% off, 1.500,50 €", "premio 2x1", "i'm on level 3",
        "3ayez a3raf kam no2ta 3andy", "mosta7eel ya 2ostazak", "ciao.come va", "i am at home. it is cold",
        "my name is not on the list", "covid19", "كم عندي 500 نقطة",
    ],
)  # fmt: skip
def test_what_designers_need_stays(said: str) -> None:
    assert anonymous(said, "Anna Bianchi") == said


KNOWN = {"punti", "amico", "ciao", "cappuccino", "dove", "ha"}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("I punti del mio amico Marco Rossi", "I punti del mio amico [name] [name]"),
        ("Marco Rossi ha punti", "[name] [name] ha punti"),
        ("Ciao Giulia! Dove sei", "Ciao [name]! Dove sei"),
        ("un Cappuccino d'Anna", "un Cappuccino d'Anna"),
        ("anche per Jean-Luc", "anche per [name]"),
        ("Puntii?", "Puntii?"),
        ("CIAO SONO MARCO", "CIAO SONO MARCO"),
        ("ciao [name] Bob", "ciao [name] [name]"),
    ],
)
def test_capitals_inside_a_sentence_are_names_unless_the_word_is_known(said: str, read: str) -> None:
    assert without_likely_names(said, {*KNOWN, "anna"}) == read


@given(st.text(), st.text(max_size=20))
def test_any_text_and_any_name_will_do(text: str, name: str) -> None:
    once = anonymous(text, name)
    assert isinstance(without_likely_names(once, KNOWN), str)


@given(st.sampled_from([REFERRAL_SIGNS, VOUCHER_SIGNS]), st.booleans())
def test_no_code_of_ours_is_left(signs: int, shown: bool) -> None:
    code = new_code(signs)
    typed = show_code(code) if shown else code
    assert typed not in anonymous(f"my code {typed} please")


@given(st.integers(10**5, 10**15))
def test_no_long_number_is_left(number: int) -> None:
    assert str(number) not in anonymous(f"write to {number} or +{number}")


@pytest.mark.parametrize("mask", MASKS)
def test_what_was_taken_out_is_not_looked_at_again(mask: str) -> None:
    text = f"ciao {mask} grazie"
    assert without_likely_names(anonymous(text, "Anna"), KNOWN) == text


@pytest.mark.parametrize("part", ["a", "a.", "a-", "1 ", "1a", "@ ", "a at ", "Anna ", "*x", "it60 abcd ", "1\u200b"])
def test_the_longest_message_takes_no_time(part: str) -> None:
    text = (part * 4096)[:4096]
    before = time.process_time()
    without_likely_names(anonymous(text, "Anna"), KNOWN)
    assert time.process_time() - before < 0.8
