"""Mapped objects without the price of the ORM: one is loaded, and one is written back, by a hot statement each.

Finding an object by its key costs SQLAlchemy half a millisecond, and so does writing one changed column back; a turn
does both several times. An object that is loaded here is an object of its session like any other.
"""

from functools import cache
from typing import Any, TypeVar

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session, make_transient, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_state, set_committed_value
from sqlalchemy.orm.util import identity_key

from loyalty.store.hot import Hot
from loyalty.store.sql import table_of
from loyalty.tables import Base

T = TypeVar("T", bound=Base)
_KEY = "its_key"


def load(session: Session, kind: type[T], key: str, *, lock: bool = False) -> T | None:
    """The object with a primary key; None if there is none. With `lock`, nobody else changes it until the end of the
    transaction, and what is known of it is read anew.
    """
    if identity_key(kind, key) in session.identity_map:
        return session.get(kind, key, with_for_update=lock or None, populate_existing=lock)
    row = _select(kind, lock).first(session, {_KEY: key})
    if row is None:
        return None
    found = kind()
    for name, value in zip(row._fields, row, strict=True):
        set_committed_value(found, name, value)
    _belongs(session, found)
    return found


def load_one(session: Session, kind: type[T], key: str, *, lock: bool = False) -> T:
    """As `load`, for what is there. Raises `NoResultFound` if it is not."""
    one = load(session, kind, key, lock=lock)
    if one is None:
        raise NoResultFound(f"there is no {kind.__name__} {key}")
    return one


def write_back(session: Session, changed: Base) -> None:
    """Write down what was changed of an object, so that the session has nothing to flush of it."""
    state = instance_state(changed)
    columns = tuple(sorted(state.committed_state))
    if not columns:
        return
    assert state.identity is not None, "an object that is new is the session's to write"
    [key] = state.identity
    _update(type(changed), columns).run(session, {_KEY: key, **{name: state.dict[name] for name in columns}})
    make_transient(changed)
    _belongs(session, changed)


def _belongs(session: Session, found: Base) -> None:
    """Make an object that is as it is in the database one of the session's."""
    make_transient_to_detached(found)
    session.add(found)


@cache
def _select(kind: type[Base], lock: bool) -> Hot:
    table = table_of(kind)
    [key] = table.primary_key.columns
    query = select(table).where(key == bindparam(_KEY))
    return Hot(query.with_for_update() if lock else query)


@cache
def _update(kind: type[Base], columns: tuple[str, ...]) -> Hot:
    table = table_of(kind)
    [key] = table.primary_key.columns
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    return Hot(update(table).where(key == bindparam(_KEY)).values(values))
