"""What a programme file may say, a module for each part of it. Pure data, checked by pydantic."""
