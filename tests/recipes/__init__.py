"""Tests of the code in `docs/recipes.md`. They are copied into a rendered project and run there."""
