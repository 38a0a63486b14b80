"""Ears and voices: the offline ones that need no account, and the providers', behind the ports of `live`."""
