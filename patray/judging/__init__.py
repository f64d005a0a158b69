"""Grades by people of what nobody cited: which pairs to judge, the sheet, agreement, and scores with the grades."""
