"""What is installed here, and whether its loops are right."""

from bptt.installation.examination import Examination, doctor
from bptt.installation.parts import PARTS, Part
from bptt.installation.self_check import Check

__all__ = ["PARTS", "Check", "Examination", "Part", "doctor"]
