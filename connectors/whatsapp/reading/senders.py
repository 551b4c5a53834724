"""Who wrote: the phone and the user id that a message and its contacts tell, of users without a phone as well."""

from connectors.whatsapp.reading.values import Json, object_of, objects_of, phone_of, text_of, user_id_of
from conversation.arriving.incoming import Sender

_LONGEST_NAME = 200


class People:
    """The contacts of a value, by what they are known by; a batch may have those of several people."""

    def __init__(self, contacts: object) -> None:
        self._all = objects_of(contacts)
        self._by_user: dict[str, Json] = {}
        self._by_phone: dict[str, Json] = {}
        for contact in self._all:
            if (user_id := user_id_of(contact.get("user_id"))) is not None:
                self._by_user.setdefault(user_id, contact)
            if (phone := phone_of(contact.get("wa_id"))) is not None:
                self._by_phone.setdefault(phone, contact)

    def sender(self, phone: str | None, user_id: str | None) -> Sender:
        """Somebody, with all that the contacts know of her."""
        contact = self._contact(phone, user_id)
        name = text_of(object_of(contact.get("profile")).get("name"), _LONGEST_NAME)
        return Sender(
            phone or phone_of(contact.get("wa_id")), user_id or user_id_of(contact.get("user_id")), name or None
        )

    def _contact(self, phone: str | None, user_id: str | None) -> Json:
        if user_id is not None and user_id in self._by_user:
            return self._by_user[user_id]
        if phone is not None and phone in self._by_phone:
            return self._by_phone[phone]
        if len(self._all) != 1:
            return {}
        only = self._all[0]
        somebody_else = (phone and phone_of(only.get("wa_id"))) or (user_id and user_id_of(only.get("user_id")))
        return {} if somebody_else else only
