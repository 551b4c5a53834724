"""A person's rights: to have all that is known of her, to be forgotten, to agree and to withdraw."""

from loyalty.consents import consents_of, record_consent
from loyalty.dossier import export
from loyalty.erasure import erase

__all__ = ["consents_of", "erase", "export", "record_consent"]
