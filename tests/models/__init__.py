"""A package, because its files have the names of those in tests/byhand: the same models, by tape."""
