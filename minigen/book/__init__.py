"""The book that is cut from the code: every page is generated from the sources, by `minigen read`."""
