"""The connection: credentials, token refresh and sessions. No other package opens a connection to LinkedIn."""
