"""Commands killed at any moment, full disks, folders that nobody may write to, two writers: ``make campaign``."""
