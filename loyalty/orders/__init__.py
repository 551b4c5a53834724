"""What is reported of purchases and activities, and what it is worth."""
