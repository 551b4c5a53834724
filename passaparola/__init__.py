"""The command line, the settings, and the one place where everything is put together."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("passaparola")
except PackageNotFoundError:  # run from a checkout that was not installed
    VERSION = "0+unknown"
