"""The tree: walking, hashing and comparing files, done in the compiled core."""
