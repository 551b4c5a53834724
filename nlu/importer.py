"""Training data for Rasa, without what it does over and over.

Rasa puts training data together two pieces at a time, and each time copies, cleans and hashes every sentence: of forty
thousand that took a third of a training. Here files are put together once, and a sentence is cheap to copy and hash.
`config.yml` names the importer; whatever reads the data gets what it always got.
"""

from copy import deepcopy
from typing import Any

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data import loading
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


class Sentence(Message):
    """An example that knows when nothing about it has changed."""

    def set(self, prop: str, info: Any, add_to_output: bool = False) -> None:
        if add_to_output or prop not in self.data or self.data[prop] != info:
            super().set(prop, info, add_to_output)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sentence":
        new = Sentence.__new__(Sentence)
        new.__dict__.update(self.__dict__)  # with its fingerprint
        new.data = {key: value if isinstance(value, str) else deepcopy(value, memo) for key, value in self.data.items()}
        new.features, new.output_properties = list(self.features), set(self.output_properties)
        return new


class SentenceImporter(RasaFileImporter):
    """Reads what `rasa train` reads."""

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        files = [loading.load_data(file, language) for file in self._nlu_files]
        synonyms: dict[str, str] = {}
        for one in files:
            synonyms.update(one.entity_synonyms)
        return TrainingData(
            [_sentence(example) for one in files for example in one.training_examples],
            synonyms,
            [feature for one in files for feature in one.regex_features],
            [table for one in files for table in one.lookup_tables],
            {name: said for one in files for name, said in one.responses.items()},
        )


def _sentence(example: Message) -> Sentence:
    new = Sentence.__new__(Sentence)
    new.__dict__.update(example.__dict__)
    return new
