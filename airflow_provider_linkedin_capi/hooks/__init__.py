"""The connection: credentials, token refresh and sessions. No other room opens a connection to LinkedIn."""
