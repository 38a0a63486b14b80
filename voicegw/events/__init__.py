"""Events out: what happened on calls, told to the operator's own servers as signed webhooks, at least once."""
