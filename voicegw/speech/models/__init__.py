"""Weights that no small package carries, with their licences; read by `voicegw.speech.model_files`."""
