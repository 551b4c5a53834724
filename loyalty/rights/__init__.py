"""What a person may ask of us: everything that is known of her, and to be forgotten."""
