"""Why a program does not train: suspicions from symptoms, decided by experiments, with cures that are proven."""
