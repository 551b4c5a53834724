"""Before any test module is imported: Rasa stays quiet and light, as in the running programme."""

import os

from passaparola import light_rasa

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
light_rasa.install()
