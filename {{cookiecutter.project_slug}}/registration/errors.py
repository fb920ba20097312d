"""The error that ends a command, and the exit statuses."""

DECLINED, USAGE, NOT_SIGNED_IN, NOT_PERMITTED, FAILED, CONFLICT, ENV_FAULT = range(1, 8)
"""The docstring of register.py explains them."""
UNCHANGED = "Nothing else was changed."


class RegisterError(Exception):
    """A message for the user, and the exit status."""

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


def failed(error: RegisterError, right: str, done: str) -> RegisterError:
    """Return the error with the missing right, what was done, and that a retry is safe."""
    lacking = f"\n{right}" if error.status == NOT_PERMITTED else ""
    again = "It is safe to run this command again: it continues where it stopped."
    return RegisterError(f"{error}{lacking}\n{done} {again}", error.status)
