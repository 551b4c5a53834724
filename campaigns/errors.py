"""What can go wrong with a campaign."""

from loyalty.errors import LoyaltyError


class BadCampaign(LoyaltyError):
    """A campaign file has a mistake; the message names file and line."""

    code = "campaign"
