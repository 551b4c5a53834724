"""Messages to customers, of every kind a programme or a designer could come up with."""

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from conversation.messages.extras import Cards, Extra, Link, Medium, Pin, Products, Reaction, Request, Shelf, Template
from conversation.messages.model import Choice, Message
from conversation.tables import Conversation, Offer
from flows.model import Ask, Event
from loyalty.store.sql import table_of
from loyalty.tables import Base


@contextmanager
def a_place_for_offers() -> Iterator[Session]:
    """A session of a database in memory that has the tables of the conversations and the offers and no other."""
    engine = create_engine("sqlite://", poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    Base.metadata.create_all(engine, tables=[table_of(Offer), table_of(Conversation)])
    with Session(engine) as session:
        session.execute(text("BEGIN"))
        yield session
    engine.dispose()


GRAPHEMES = (
    "a", "W", "é", "e\u0301", "ñ", " ", "\n", "-", "…", "·", "(2)", "ع", "ش", "لا", "\u200f", "\u2068", "日", "한",
    "각", "👍", "👍🏽", "👨\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇮🇹", "🇬🇧", "1️⃣", "ﷺ", "क्षि", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "x" * 12, "خصم ", "Colazione ", "per due ",
)  # fmt: skip
"""What titles are made of: clusters of several signs, right-to-left, wide, decorated."""


def texts(most: int) -> st.SearchStrategy[str]:
    """Texts of up to so many graphemes, or of any signs."""
    return st.lists(st.sampled_from(GRAPHEMES), max_size=most).map("".join) | st.text(max_size=most)


def long_texts() -> st.SearchStrategy[str]:
    """Texts that may be too long for any message."""
    return st.builds(lambda text, times, end: text * times + end, texts(12), st.integers(0, 700), texts(8))


VALUES = st.text(max_size=8) | st.integers(-(2**53), 2**53)
ACTIONS = st.builds(Event, st.text(max_size=8), st.dictionaries(st.text(max_size=5), VALUES, max_size=3)) | st.builds(
    Ask, st.text(max_size=8), st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=3)
)
BLANK = st.sampled_from(["", " ", " \n", "\u00a0", "\u3000"])
CHOICES = st.builds(
    Choice,
    ACTIONS,
    texts(16) | BLANK,
    st.none() | texts(30) | BLANK,
    st.lists(st.text(max_size=6), max_size=3).map(tuple),
    st.none() | texts(12) | st.sampled_from(["Rewards", "Drinks"]) | BLANK,
)
SAME = st.sampled_from(
    ["Espresso", "Colazione per due con due cornetti", "Colazione per due con tre cornetti", "👨\u200d👩\u200d👧" * 5]
)
"""Titles that are the same, or look the same when they are cut."""


def choices(most: int = 40) -> st.SearchStrategy[tuple[Choice, ...]]:
    """Several choices, some of which may have the same title."""
    alike = st.builds(Choice, ACTIONS, SAME, st.none() | st.just("20 points"))
    long = st.builds(Choice, ACTIONS, long_texts(), st.none() | texts(30))
    return st.lists(CHOICES | alike, max_size=most).map(tuple) | st.lists(CHOICES | alike | long, max_size=5).map(tuple)


ADDRESS = st.sampled_from(
    ["https://aurora.example/1", "http://a.example/x?y=1", "HTTPS://A.example", "https://a.example/" + "x" * 2500]
)
SHORT = ADDRESS.filter(lambda address: len(address) < 2000)
MEDIA = st.builds(
    Medium, st.sampled_from(["image", "video", "audio", "voice", "document", "sticker"]), SHORT, st.none(),
    st.none() | st.just("menu.pdf"),
) | st.builds(Medium, st.sampled_from(["image", "video", "document"]), st.none(),
 st.just("1479537139650973"))  # fmt: skip
EXTRAS: st.SearchStrategy[Extra] = (
    MEDIA
    | st.builds(Link, ADDRESS | st.just("no address"), texts(16) | BLANK | st.just("See the whole menu of today"))
    | st.builds(Request, st.sampled_from(["location", "contact"]))
    | st.builds(
        Products,
        st.just("1462655"),
        st.lists(st.builds(Shelf, texts(12), st.just(("sku-1", "sku-2"))), min_size=1, max_size=4).map(tuple),
        texts(30),
    )
    | st.builds(Pin, st.floats(-90, 90), st.floats(-180, 180), st.none() | st.just("Aurora"), st.none())
    | st.just(Cards(({"name": {"formatted_name": "Aurora"}, "phones": [{"phone": "+390612345678"}]},)))
    | st.builds(Reaction, st.just("wamid.1"), st.sampled_from(["👍", ""]))
)
"""Everything but a template, which stands for a whole message."""
TEMPLATES = st.builds(
    Template,
    st.sampled_from(["points_news", "a"]),
    st.sampled_from(["it", "en_US"]),
    st.lists(st.sampled_from(["5", "two\nlines", "a      b"]), max_size=3).map(tuple) | st.just({"name": "Giulia"}),
    st.none() | st.just("Aurora") | st.just(Medium("image", "https://aurora.example/1.jpg")),
    st.sampled_from([(), ({"kind": "url", "value": "K7QX", "index": 1},), ({"kind": "copy_code", "value": "25OFF"},)]),
    st.none() | st.just("marketing"),
)


def extras(most: int = 3) -> st.SearchStrategy[tuple[Extra, ...]]:
    """Several extras."""
    return st.lists(EXTRAS, max_size=most).map(tuple)


def messages(
    most: int = 40,
    carrying: st.SearchStrategy[tuple[Extra, ...]] = st.just(()),  # noqa: B008 -- a strategy is a value
) -> st.SearchStrategy[Message]:
    """Any message, with such extras."""
    return st.builds(
        Message,
        texts(40) | long_texts() | BLANK,
        choices(most),
        st.none() | texts(15) | BLANK,
        st.none() | st.just("https://aurora.example/mug.jpg"),
        carrying,
    )
