"""Stock Rasa without a handicap of ours: `python stock_rasa.py …` is `rasa …`.

Rasa 3.6.21 asks for jsonschema below 4.18; this project overrides that. With the newer one, the check of the schema of
every custom action's response, done anew each time, takes some 30 ms, far more than all the rest of that action. A
stock installation would not pay that, so a schema is checked once here. Nothing else is changed.
"""

import json
import sys
from functools import lru_cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # used here only, not worth a dependency on its stubs


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    parsed = json.loads(schema)
    kind = jsonschema.validators.validator_for(parsed)
    kind.check_schema(parsed)
    return kind(parsed)


def validate(instance: Any, schema: Any, *_: Any, **__: Any) -> None:
    """`jsonschema.validate`, with the schema itself checked the first time only."""
    error = jsonschema.exceptions.best_match(_validator(json.dumps(schema)).iter_errors(instance))
    if error is not None:
        raise error


if __name__ == "__main__":
    jsonschema.validate = validate
    from rasa.__main__ import main

    sys.exit(main())
