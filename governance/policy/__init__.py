"""The rules in force as members see them: text, matrix, reviews, and why somebody may."""
