"""The trained weights, out of the model file."""

import tarfile
import tempfile
from pathlib import Path

from nlu.weights import VOCABULARY, WEIGHTS, Weights


def weights_in(model: Path) -> Weights:
    """The weights in a model file. Raises `OSError`, `tarfile.TarError` or `ValueError` if they cannot be read."""
    with tarfile.open(model) as archive, tempfile.TemporaryDirectory() as place:
        for member in archive.getmembers():
            name = Path(member.name).name
            if name in {WEIGHTS, VOCABULARY} and (content := archive.extractfile(member)) is not None:
                (Path(place) / name).write_bytes(content.read())
        return Weights.read(Path(place))
