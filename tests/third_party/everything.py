"""Every case."""

from tests.third_party import agents, forecasting, series, speech, text

ALL = [*agents.CASES, *forecasting.CASES, *speech.CASES, *text.CASES, *series.CASES]
