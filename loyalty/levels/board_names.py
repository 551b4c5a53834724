"""Names for leaderboards: pleasant, invented, drawn at random, so that nobody can tell whose they are.

In Italian, Spanish, French and Arabic the animal comes first; all of these are masculine, so that every pair agrees.
"""

import secrets

from loyalty.codes import random_signs
from loyalty.programme import Language

SIGNS = 2
"""Behind the two words; more of them when names run short."""

_ANIMALS: dict[Language, str] = {
    "en": "Otter Robin Fox Panda Koala Dolphin Swallow Badger Heron Puffin Lynx Beaver Falcon Hedgehog Seal Owl "
    "Sparrow Bear Deer Gecko Turtle Squirrel Raccoon Finch",
    "it": "Delfino Gufo Pettirosso Riccio Panda Koala Cervo Falco Castoro Orso Scoiattolo Gabbiano Leprotto "
    "Fenicottero Tasso Usignolo Pinguino Camoscio Cigno Ghiro Stambecco Passero Geco Germano",
    "es": "Delfín Búho Petirrojo Erizo Panda Koala Ciervo Halcón Castor Oso Gorrión Flamenco Tejón Ruiseñor Pingüino "
    "Cisne Lince Zorro Colibrí Jilguero Geco Venado Canguro Tucán",
    "fr": "Dauphin Hibou Merle Hérisson Panda Koala Cerf Faucon Castor Ours Moineau Renard Blaireau Rossignol Pingouin "
    "Cygne Lynx Colibri Chamois Écureuil Gecko Héron Pinson Toucan",
    "ar": "دلفين غزال صقر بلبل حصان طاووس هدهد عصفور قنفذ سنجاب أرنب نسر باندا كنغر بطريق شاهين جمل فهد نورس دب",
}
_QUALITIES: dict[Language, str] = {
    "en": "Sunny Merry Gentle Clever Bright Happy Lucky Brave Calm Swift Cosy Jolly Kind Lively Noble Proud Quiet "
    "Cheerful Golden Silver Curious Friendly Nimble Warm",
    "it": "Allegro Gentile Sereno Vivace Felice Curioso Audace Brillante Dorato Argentato Fedele Agile Generoso Leale "
    "Paziente Radioso Saggio Simpatico Solare Veloce Tranquillo Luminoso Cortese Fortunato",
    "es": "Alegre Amable Sereno Vivaz Feliz Curioso Audaz Brillante Dorado Plateado Fiel Ágil Generoso Leal Paciente "
    "Radiante Sabio Simpático Soleado Veloz Tranquilo Luminoso Cortés Valiente",
    "fr": "Joyeux Gentil Serein Vif Heureux Curieux Audacieux Brillant Doré Argenté Fidèle Agile Généreux Loyal "
    "Patient Radieux Sage Sympathique Malin Rapide Tranquille Lumineux Courtois Vaillant",
    "ar": "مرح لطيف هادئ سعيد ذكي شجاع مشرق ذهبي فضي وفي رشيق كريم صبور حكيم ودود سريع نشيط محظوظ أنيق طيب",
}


def new_name(language: Language, *, signs: int = SIGNS) -> str:
    """A name such as `Sunny Otter K7`, at most 40 characters long."""
    animal = secrets.choice(_ANIMALS[language].split())
    quality = secrets.choice(_QUALITIES[language].split())
    words = (quality, animal) if language == "en" else (animal, quality)
    return " ".join((*words, random_signs(signs)))
