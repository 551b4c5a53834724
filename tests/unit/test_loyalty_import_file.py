"""CSV files of customers: what is read, and how a mistake is named."""

from pathlib import Path

import pytest

from loyalty.errors import Invalid
from loyalty.people.imports import ImportRow, read_rows
from loyalty.people.members import Ref

HEADER = "phone,name,language,opt_in_evidence,points\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def test_every_column_is_read(file: Path) -> None:
    file.write_text(HEADER + "+39 333 1234567, Giulia ,fr,paper form 17,120\n00393330000001,,,,\n", "utf-8")
    assert list(read_rows(file)) == [
        ImportRow(Ref.phone("+393331234567"), "Giulia", "fr", "paper form 17", 120),
        ImportRow(Ref.phone("+393330000001"), None, None, "", 0),
    ]


def test_columns_may_come_in_any_order_with_others_between_them_and_as_excel_writes_them(file: Path) -> None:
    text = "points,city,phone,name,opt_in_evidence,language\r\n5,Rome,+393331234567,Zoë,,it\r\n"
    file.write_text(text, "utf-8-sig", newline="")
    assert list(read_rows(file)) == [ImportRow(Ref.phone("+393331234567"), "Zoë", "it", "", 5)]


def test_a_short_row_and_an_empty_line_are_no_mistakes(file: Path) -> None:
    file.write_text(HEADER + "+393331234567\n\n+393331234568,Ugo\n", "utf-8")
    assert [(row.name, row.line) for row in read_rows(file)] == [(None, 2), ("Ugo", 4)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("call me,Ugo,it,,5", "the phone must be in international form"),
        (",Ugo,it,,5", "the phone must be in international form"),
        ("+393331234567,Ugo,de,,5", "language 'de' is none of en, it, es, fr, ar"),
        ("+393331234567,Ugo,it,,-5", "points must be a whole number, not '-5'"),
        ("+393331234567,Ugo,it,,5.5", "points must be a whole number, not '5.5'"),
        ("+393331234567,Ugo,it,,٥", "points must be a whole number"),
        ("+393331234567,Ugo,it,,1000000001", "points must be a whole number"),
        (f"+393331234567,Ugo,it,{'x' * 201},5", "opt_in_evidence has at most 200 characters"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(file: Path, row: str, message: str) -> None:
    file.write_text(f"{HEADER}+393330000001,Eva,it,,5\n{row}\n", "utf-8")
    with pytest.raises(Invalid) as refused:
        list(read_rows(file))
    assert str(refused.value).startswith(f"{file}:3: {message}")


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("phone;name;language;opt_in_evidence;points\n", "phone, name, language, opt_in_evidence, points"),
        ("phone,name\n+393331234567,Ugo\n", "language, opt_in_evidence, points"),
        ("", "phone, name, language, opt_in_evidence, points"),
    ],
)
def test_missing_columns_are_named(file: Path, text: str, missing: str) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(Invalid) as refused:
        list(read_rows(file))
    assert str(refused.value) == f"{file}:1: missing column {missing}; the first line names the columns"


def test_a_file_in_another_encoding_is_said_so(file: Path) -> None:
    file.write_bytes((HEADER + "+393331234567,Niccolò,it,,5\n").encode("latin-1"))
    with pytest.raises(Invalid, match=r"customers\.csv: is not UTF-8 text; save it as CSV UTF-8"):
        list(read_rows(file))
