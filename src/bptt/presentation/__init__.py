"""What everything that people see is made of: numbers as words, charts, pages, progress bars."""
