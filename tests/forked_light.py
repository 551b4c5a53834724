"""Imported first by the server of `tests.forked`."""

from passaparola import light_rasa

light_rasa.install()
