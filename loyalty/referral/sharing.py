"""What a member passes on: her link, a message with it, and the link as a QR code. Nothing here needs a network."""

from dataclasses import dataclass
from io import BytesIO

import segno

from loyalty.codes import show_code
from loyalty.programme import Language, Programme
from loyalty.referral.referrals import referral_link
from loyalty.tables import Member

PIXELS = 10
"""So many pixels a module of a PNG: about 370 in all, enough for a screen and a hand-sized print."""


@dataclass(frozen=True, slots=True)
class Share:
    """A member's invitation. `message` is written to the friend, in the member's words."""

    code: str
    link: str
    message: str

    def svg(self) -> str:
        """The link as a QR code: an SVG element without size, to be put into a page."""
        return _qr(self.link).svg_inline(omitsize=True)

    def png(self) -> bytes:
        """The link as a QR code: a PNG picture."""
        picture = BytesIO()
        _qr(self.link).save(picture, kind="png", scale=PIXELS)
        return picture.getvalue()


def share(programme: Programme, member: Member, public_url: str, language: Language) -> Share:
    """A member's invitation, with the message in a language."""
    code, link = show_code(member.referral_code), referral_link(public_url, member.referral_code)
    message = programme.referral.message[language].format(programme=programme.name, link=link, code=code)
    return Share(code, link, message)


def _qr(link: str) -> segno.QRCode:
    """Error correction M: readable when a seventh of it is lost, as on a crumpled receipt."""
    return segno.make_qr(link, error="m")
