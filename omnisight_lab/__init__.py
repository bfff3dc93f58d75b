"""Notebook-first analytics and review workbench for video surveillance."""
