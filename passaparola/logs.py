"""Logs: one line an event, readable on a terminal, JSON elsewhere; phone numbers and tokens masked."""

import logging
import re
import sys
import warnings
from collections.abc import MutableMapping
from typing import Any

import structlog

from loyalty.correlation import current

_PHONE = re.compile(r"(?:(?<![\w-])|(?<=%2B))\+?\d{7,15}(?![\w-])")
_TOKEN = re.compile(r"""(?i)(bearer\s+|sha256=|(?:access|verify)_token["']?\s*[=:]\s*["']?)[^\s"'&]+""")
_KEPT = 3
_PLAIN = frozenset({"timestamp", "level", "outbox_id", "count", "attempt", "code", "number_id"})


def mask(text: str) -> str:
    """The text without what identifies or lets in: a phone becomes `…567`."""
    hidden = _TOKEN.sub(r"\1…", text)
    return _PHONE.sub(lambda match: f"…{match.group()[-_KEPT:]}", hidden)


def _correlated(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which request a line belongs to, in whichever thread it is written."""
    if (id_ := current()) is not None:
        event.setdefault("correlation", id_)
    return event


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key not in _PLAIN and isinstance(value, str):
            event[key] = mask(value)
    return event


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
        return True


def configure(level: str = "INFO") -> None:
    """Set up logging for a process. Rasa, Sanic and aiohttp speak only from WARNING on."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _correlated,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True),
    ]
    last: list[Any] = [structlog.processors.format_exc_info, _masked]
    if sys.stderr.isatty():
        last.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    else:
        last.append(structlog.processors.JSONRenderer())
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Masking())
    for name in ("rasa", "rasa_sdk", "sanic.root", "sanic.access", "sanic.error", "apscheduler"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # of libraries, about one another; tests look at them


def quiet_libraries() -> None:
    """Say nothing of what Rasa's libraries warn about one another. Tests look at it, users cannot change it."""
    import sanic.app  # noqa: F401, PLC0415 -- it turns its warnings on when it is imported

    warnings.simplefilter("ignore")
