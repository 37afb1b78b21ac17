"""Offers: from a campaign file to what each customer is written, as files for the mailing tool and as mail."""
