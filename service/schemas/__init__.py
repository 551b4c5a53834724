"""What `/v1` takes and gives, as pydantic models: checked at the edge, described in `/openapi.json`."""
