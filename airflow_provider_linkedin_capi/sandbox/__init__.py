"""LinkedIn on localhost, for the demo, the tests and users' own CI. Shares no code with the client."""
