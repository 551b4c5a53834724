"""Number words of five languages, as a message may have them after levelling (`nlu.spelling.level`)."""

from collections.abc import Mapping

import regex

_EN = """one 1 two 2 three 3 four 4 five 5 six 6 seven 7 eight 8 nine 9 ten 10 eleven 11 twelve 12 thirteen 13
fourteen 14 fifteen 15 sixteen 16 seventeen 17 eighteen 18 nineteen 19 twenty 20 thirty 30 forty 40 fifty 50 sixty 60
seventy 70 eighty 80 ninety 90"""
_IT = """uno 1 una 1 due 2 tre 3 quattro 4 cinque 5 sei 6 sette 7 otto 8 nove 9 dieci 10 undici 11 dodici 12
tredici 13 quattordici 14 quindici 15 sedici 16 diciassette 17 diciotto 18 diciannove 19 venti 20 trenta 30
quaranta 40 cinquanta 50 sessanta 60 settanta 70 ottanta 80 novanta 90"""
_ES = """dos 2 tres 3 cuatro 4 cinco 5 seis 6 siete 7 ocho 8 nueve 9 diez 10 once 11 doce 12 trece 13 catorce 14
quince 15 dieciseis 16 diecisiete 17 dieciocho 18 diecinueve 19 veinte 20 veintiuno 21 veintidos 22 veintitres 23
veinticuatro 24 veinticinco 25 treinta 30 cuarenta 40 cincuenta 50 sesenta 60 setenta 70 ochenta 80 noventa 90
doscientos 200 trescientos 300 cuatrocientos 400 quinientos 500 seiscientos 600 setecientos 700 ochocientos 800
novecientos 900"""
_FR = """un 1 une 1 deux 2 trois 3 quatre 4 cinq 5 sept 7 huit 8 neuf 9 dix 10 onze 11 douze 12 treize 13
quatorze 14 quinze 15 seize 16 vingt 20 vingts 20 trente 30 quarante 40 cinquante 50 soixante 60 septante 70
huitante 80 octante 80 nonante 90"""
_AR = """واحد 1 اتنين 2 اثنين 2 اثنان 2 تلاته 3 ثلاثه 3 اربعه 4 خمسه 5 سته 6 سبعه 7 تمانيه 8 ثمانيه 8 تسعه 9
عشره 10 عشر 10 حداشر 11 اطناشر 12 اثناعشر 12 خمستاشر 15 خمسطاشر 15 عشرين 20 عشرون 20 تلاتين 30 ثلاثين 30 ثلاثون 30
اربعين 40 اربعون 40 خمسين 50 خمسون 50 ستين 60 ستون 60 سبعين 70 سبعون 70 تمانين 80 ثمانين 80 ثمانون 80 تسعين 90
تسعون 90 ميتين 200 ميتا 200 ميتي 200 مايتين 200 ميتان 200 مايتان 200 الفين 2000 الفان 2000 mitein 200 mayetein 200
alfein 2000 alfen 2000 khamsin 50 khamseen 50 5amsin 50 3ashrin 20 3eshrin 20"""
_HUNDREDS = """hundred hundreds cento cent cents cien ciento cientos
ميه مايه ميات مييه meyya meyye miyya miyye mya"""
_THOUSANDS = "thousand thousands mille mila mil الف الاف alf talaf alaf k"
_HUNDRED_FOR = """تلت 3 تلات 3 ثلاث 3 ثلث 3 ربع 4 اربع 4 خمس 5 ست 6 سبع 7 تمن 8 تمان 8 ثمان 8 ثماني 8 تمني 8 تسع 9"""
_CENTURY = regex.compile(r"(\p{Arabic}+?)(?:ميه|مايه|مييه)")


def _read(table: str) -> dict[str, int]:
    words = table.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _italian() -> dict[str, int]:
    """The numbers that Italian writes in one word, from 21 to 999, and the thousands ("duemila")."""
    names = {value: word for word, value in _read(_IT).items() if word != "una"}
    small = {value: names[value] for value in range(1, 20)}
    for ten in range(20, 100, 10):
        small[ten] = names[ten]
        for unit in range(1, 10):
            stem = names[ten][:-1] if unit in {1, 8} else names[ten]
            small[ten + unit] = stem + names[unit]
    found = {word: value for value, word in small.items()}
    for hundred in range(1, 10):
        head = ("" if hundred == 1 else names[hundred]) + "cento"
        found[head] = hundred * 100
        for value, word in small.items():
            found[head + word] = hundred * 100 + value
            if word.startswith("otta"):
                found[head[:-1] + word] = hundred * 100 + value
    thousands = {f"{word}mila": value * 1000 for value, word in small.items() if value > 1} | {"mille": 1000}
    found |= thousands
    for head, thousand in list(thousands.items()):
        for hundred in range(1, 10):
            found[head + ("" if hundred == 1 else names[hundred]) + "cento"] = thousand + hundred * 100
    return found


HUNDREDS, THOUSANDS = frozenset(_HUNDREDS.split()), frozenset(_THOUSANDS.split())
WORDS: Mapping[str, int] = {
    **_italian(), **_read(_ES), **_read(_FR), **_read(_AR), **_read(_EN),
    **{word[:-2] + "as": value for word, value in _read(_ES).items() if value >= 200},
}  # fmt: skip
JOINERS = frozenset({"and", "e", "ed", "y", "et", "و"})
ARTICLES = frozenset({"a", "an"})
"""They count as one before a hundred or a thousand."""
_CENTURIES = _read(_HUNDRED_FOR)


def century(word: str) -> int | None:
    """The hundreds that Arabic writes in one word («خمسمية»)."""
    found = _CENTURY.fullmatch(word)
    return _CENTURIES[found[1]] * 100 if found and found[1] in _CENTURIES else None
