"""How a token is asked for: what both sides of the token endpoint have to agree on."""

import datetime as dt

GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret
TOKEN_LIFETIME = dt.timedelta(minutes=10)
