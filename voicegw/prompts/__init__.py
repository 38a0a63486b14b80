"""Any audio an agent may hand out → an 8 kHz mulaw WAV that the carrier plays as it is."""
