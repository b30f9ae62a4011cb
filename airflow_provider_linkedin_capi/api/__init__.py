"""LinkedIn's Marketing API as values: every endpoint a function that returns a Call. No I/O here."""
