"""How numbers are written for people, in pictures and in the terminal alike."""


def grouped(number: int) -> str:
    """A count with its thousands set apart: 10 000."""
    return f"{number:,}".replace(",", " ")
