"""What stops a command, and the exit statuses."""

DECLINED, USAGE, NOT_SIGNED_IN, NOT_PERMITTED, FAILED, CONFLICT, ENV_FAULT = range(1, 8)
"""The docstring of register.py says what each means."""


class RegisterError(Exception):
    """What stopped a command, in words, with the exit status of its kind."""

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


def failed(error: RegisterError, right: str, done: str) -> RegisterError:
    """Return the error with what the caller lacks, what was done, and that they may try again."""
    lacking = f"\n{right}" if error.status == NOT_PERMITTED else ""
    again = "It is safe to run this again: it goes on where it stopped."
    return RegisterError(f"{error}{lacking}\n{done} {again}", error.status)
