"""What is measured of a program: its data, its wiring, its layers, its training; nothing is judged here."""
