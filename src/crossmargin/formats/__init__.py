"""The files and JSON objects that people and programs hand us, and the ones we hand back."""
