"""Rasa without TensorFlow.

Rasa imports TensorFlow wherever it starts, even if no component of the pipeline uses it: ten seconds and 400 MB for
nothing. Where the pipeline needs none of it, `install` puts an empty stand-in in its place before Rasa is imported.
`docs/decisions/0003-light-rasa.md` has the figures.
"""

import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

HEAVY = frozenset({"tensorflow", "keras", "tensorflow_hub", "tensorflow_text", "tensorflow_addons"})
NEEDS_TENSORFLOW = ("DIET", "TED", "ResponseSelector", "UnexpecTED", "LanguageModelFeaturizer", "ConveRT")
"""Parts of the names of Rasa's components that compute with TensorFlow."""


def needs_tensorflow(config: Path) -> bool:
    """Whether a Rasa configuration names a component that needs it."""
    named = "|".join(NEEDS_TENSORFLOW)
    return re.search(rf"""\bname["']?:\s*["']?(?:[\w.]+\.)?(?:{named})""", config.read_text("utf-8")) is not None


def install(config: Path = Path("config.yml")) -> bool:
    """Stand in for TensorFlow unless `config` needs it. Call before Rasa is imported. True if it was done."""
    if "tensorflow" in sys.modules or not config.is_file() or needs_tensorflow(config):
        return False
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return True


class _Anything(type):
    """A class whose attributes are classes of its kind: enough for annotations, decorators and base classes."""

    def __getattr__(cls, name: str) -> type["_Nothing"]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing

    def __getitem__(cls, _item: object) -> type["_Nothing"]:
        return _Nothing

    def __or__(cls, _other: object) -> type["_Nothing"]:
        return _Nothing

    __ror__ = __or__


class _Nothing(metaclass=_Anything):
    """Stands for everything that TensorFlow has. Used as a decorator it changes nothing."""

    def __new__(cls, *args: Any, **_kwargs: Any) -> Any:
        if cls is _Nothing and len(args) == 1 and callable(args[0]):
            return args[0]
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **_kwargs: Any) -> Any:
        return args[0] if args and callable(args[0]) else _Nothing

    def __getattr__(self, name: str) -> type["_Nothing"]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> type[_Nothing]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in HEAVY:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass
