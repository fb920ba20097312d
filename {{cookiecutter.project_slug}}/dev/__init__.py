"""For the developer's machine only: a local stand-in for Entra ID, and the command that runs it."""
