"""The points and referral store and its rules. Imports nothing of the other rooms."""
