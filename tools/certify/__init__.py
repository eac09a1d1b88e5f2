"""Claims under many draws, exercises under their mutants: what the records are made by."""
