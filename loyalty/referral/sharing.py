"""What a member passes on: her link, a message with it, and the link as a QR code. Nothing here needs a network."""

from dataclasses import dataclass

from loyalty.codes import show_code
from loyalty.programme import Language, Programme
from loyalty.qr import qr_code, qr_png
from loyalty.referral.referrals import referral_link
from loyalty.tables import Member


@dataclass(frozen=True, slots=True)
class Share:
    """A member's invitation. `message` is written to the friend, in the member's words."""

    code: str
    link: str
    message: str

    def svg(self) -> str:
        """The link as a QR code: an SVG element without size, to be put into a page."""
        return qr_code(self.link).svg_inline(omitsize=True)

    def png(self) -> bytes:
        """The link as a QR code: a PNG picture."""
        return qr_png(self.link)


def share(programme: Programme, member: Member, public_url: str, language: Language) -> Share:
    """A member's invitation, with the message in a language."""
    code, link = show_code(member.referral_code), referral_link(public_url, member.referral_code)
    message = programme.referral.message[language].format(programme=programme.name, link=link, code=code)
    return Share(code, link, message)
