"""Pictures of codes that stand above what a flow says."""

from conversation.flowing.part import At
from conversation.leaving.handouts import hand_out
from loyalty.qr import qr_png


def code_picture(at: At, code: str, public_url: str) -> str:
    """The address of a QR code of a voucher's code, as a till scans it; empty where nobody outside could fetch it.

    WhatsApp fetches from addresses with https (Meta: media by link). A message whose picture it cannot fetch is not
    delivered at all, so without one the code goes as words alone.
    """
    if not public_url.startswith("https://"):
        return ""
    picture = qr_png(code)
    return hand_out(at.session, at.member_id, name="code.png", content=picture, public_url=public_url, now=at.now)
