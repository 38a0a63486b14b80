"""An embedded agent that speaks `/v4/interact`, driven by a dialogue file: everything runs with no account.

It shares no client code with the gateway: what the two agree on is the OpenAPI alone.
"""
