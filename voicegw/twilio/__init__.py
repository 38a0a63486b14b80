"""Everything that knows Twilio: signatures and forms, plans as TwiML, webhooks, the REST API."""
