"""How numbers are written for people, in pictures and in the terminal alike."""


def size(count: int) -> str:
    """Bytes in the unit that suits them: 528 MB."""
    power = min(max(len(str(count)) - 1, 0) // 3, 3)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"


def grouped(number: int) -> str:
    """A count with its thousands set apart: 10 000."""
    return f"{number:,}".replace(",", " ")
