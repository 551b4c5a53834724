"""QR codes, made here: nothing needs a network."""

from io import BytesIO

import segno

PIXELS = 10
"""So many pixels a module of a PNG: about 370 in all for a link, enough for a screen and a hand-sized print."""


def qr_code(text: str) -> segno.QRCode:
    """A QR code with error correction M: readable when a seventh of it is lost, as on a crumpled receipt."""
    return segno.make_qr(text, error="m")


def qr_png(text: str) -> bytes:
    """A QR code as a PNG picture."""
    picture = BytesIO()
    qr_code(text).save(picture, kind="png", scale=PIXELS)
    return picture.getvalue()
